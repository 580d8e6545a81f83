"""Host keys that are not trusted yet, shown with their fingerprints; a changed one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Label, OptionList, SelectionList, Static
from textual.widgets.option_list import Option
from textual.widgets.selection_list import Selection

from kinstall.progress.text import MARKS, clean
from screens.dialogs.dialog import Dialog
from screens.dialogs.hints import Hints

if TYPE_CHECKING:
    from kinstall.operations.trust import Seen

_WHY = """\
A host key proves that a machine is the one you mean. Compare each with what the machine's console shows:
ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"""


class TrustKeys(Dialog[tuple[str, ...]]):
    """Its result is the names of those whose keys are trusted from now on; none if Esc was pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(())", "Go back")]

    def __init__(self, unknown: Sequence[Seen], changed: Sequence[Seen]) -> None:
        super().__init__()
        self.unknown, self.changed = tuple(unknown), tuple(changed)

    def compose(self) -> ComposeResult:
        with Vertical(classes="page"):
            yield Label("Host keys", classes="heading")
            yield Static(_WHY, markup=False)
            with VerticalScroll(id="notices"):
                yield Static("\n".join(map(_refused, self.changed)), markup=False)
            yield SelectionList[str](
                *(Selection(Content(_line(each)), each.node, initial_state=True) for each in self.unknown), id="keys"
            )
            yield OptionList(
                Option("They match: trust the selected keys", id="trust"),
                Option("Go back", id="back"),
                id="do",
                markup=False,
            )
            yield Hints("Space (de)selects", "Tab, Enter trusts them", "Esc go back", between=" · ")

    def on_mount(self) -> None:
        self.query_one("#notices").display = bool(self.changed)
        if not self.unknown:
            self.query_one("#keys").display = False
            self.query_one("#do", OptionList).remove_option("trust")
        self.query_one("#do" if not self.unknown else "#keys").focus()

    @on(OptionList.OptionSelected, "#do")
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        chosen = tuple(self.query_one("#keys", SelectionList).selected) if event.option.id == "trust" else ()
        self.dismiss(chosen)


def _line(key: Seen) -> str:
    # The fingerprint first: it has to be compared and must not be cut off.
    return clean(f"{key.fingerprint} {key.node} {key.host}:{key.port} {key.key_type}")


def _refused(key: Seen) -> str:
    return f"{MARKS['bad']} {clean(key.message)}\n  {clean(key.remedy)}"
