"""Host keys that are not trusted yet, shown with their fingerprints; a changed one is refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Label, Static

from kinstall.progress.text import MARKS, clean
from kinstall.wording import count, listed
from screens.dialogs.dialog import Dialog
from screens.dialogs.hints import Hints
from screens.dialogs.ticks import Tick, Ticks

if TYPE_CHECKING:
    from kinstall.operations.trust import Seen

_WHY = """\
A host key proves that a machine is the one you mean. Tick each that is what the machine's console shows:
ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"""
_ONE_LINE = 110
"""Columns from which name, type and fingerprint are on one line."""
_NAMED = 3


class TrustKeys(Dialog[tuple[str, ...]]):
    """Its result is the names of those whose keys are trusted from now on; none if Esc was pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(())", "Trust none")]

    def __init__(self, unknown: Sequence[Seen], changed: Sequence[Seen]) -> None:
        super().__init__()
        self.unknown, self.changed = tuple(unknown), tuple(changed)

    def compose(self) -> ComposeResult:
        with Vertical(classes="page"):
            yield Label(_heading(self.unknown, self.changed), classes="heading", markup=False)
            yield Static(_WHY, markup=False)
            with VerticalScroll(id="notices", can_focus=not self.unknown):
                yield Static("\n".join(map(_refused, self.changed)), markup=False)
            yield Ticks(id="keys")
            yield Static(id="consent", markup=False)
            keys = ("Space tick", "a all", "n none", "Enter trust the ticked ones") if self.unknown else ()
            yield Hints(*keys, "Esc trust none", between=" · ")

    def on_mount(self) -> None:
        self.query_one("#notices").display = bool(self.changed)
        keys = self.query_one(Ticks)
        keys.display = bool(self.unknown)
        # A host that nobody has compared is not trusted because somebody pressed Enter: nothing is ticked.
        keys.show(_lines(self.unknown, self.app.size.width), ())
        self._say()
        (keys if self.unknown else self.query_one("#notices")).focus()

    def on_resize(self) -> None:
        self.query_one(Ticks).relabel(_lines(self.unknown, self.app.size.width))

    @on(Ticks.Changed)
    def _say(self) -> None:
        self.query_one("#consent", Static).update(consent([key.node for key in self.unknown], self._ticked))

    @property
    def _ticked(self) -> tuple[str, ...]:
        return self.query_one(Ticks).ticked

    @on(Ticks.Accepted)
    def _accepted(self) -> None:
        if self._ticked:
            self.dismiss(self._ticked)
        else:
            self.query_one("#consent", Static).update("✗ no key is ticked: Space ticks the one under the cursor")


def consent(nodes: Sequence[str], ticked: Collection[str]) -> str:
    """What Enter does, as a sentence: `Trust 2 of 3 keys (not w1)`."""
    if not nodes:
        return ""
    if not ticked:
        return f"Trust none of {count(len(nodes), 'key')}: none is ticked"
    left = [clean(node) for node in nodes if node not in ticked]
    return f"Trust {len(ticked)} of {count(len(nodes), 'key')}" + (f" (not {listed(left, _NAMED)})" if left else "")


def _heading(unknown: Sequence[Seen], changed: Sequence[Seen]) -> str:
    parts = []
    if unknown:
        hosts = f"{count(len(unknown), 'host')} {'shows a key that is' if len(unknown) == 1 else 'show keys that are'}"
        parts.append(f"{hosts} not known yet")
    if changed:
        hosts = f"{count(len(changed), 'host')} {'shows' if len(changed) == 1 else 'show'}"
        parts.append(f"{hosts} another key than the trusted one")
    return "Host keys: " + "; ".join(parts)


def _lines(keys: Sequence[Seen], width: int) -> list[Tick]:
    """Name, address and type, and the whole fingerprint: below them where there is no room beside."""
    between = "  " if width >= _ONE_LINE else "\n"
    names, places = (max((len(text(key)) for key in keys), default=0) for text in (lambda key: key.node, _place))
    return [
        Tick(
            key.node,
            clean(f"{key.node:<{names}}  {_place(key):<{places}}  {key.key_type}").rstrip()
            + between
            + clean(key.fingerprint),
        )
        for key in keys
    ]


def _place(key: Seen) -> str:
    return f"{key.host}:{key.port}"


def _refused(key: Seen) -> str:
    return f"{MARKS['bad']} {clean(key.message)}\n  {clean(key.remedy)}"
