"""The step Nodes: which machines, how they are logged in to, and whether they are fit."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable

from kinstall.errors import AuthenticationFailed, KinstallError
from kinstall.findings import Finding, Severity
from kinstall.inventory import Merged
from kinstall.progress.text import MARKS
from screens.dialogs.hints import hints
from screens.dialogs.questions import Question
from screens.dialogs.secrets import Prompt, prompt_for
from screens.fields import FieldForm, placed_on
from screens.nodes import rows as row_words
from screens.nodes.form import NodeForm
from screens.nodes.machines import Machines, suggested
from screens.nodes.probe import CLUSTER, Probe
from screens.nodes.table import Line, NodesTable
from screens.nodes.trust import TrustKeys
from screens.step.form_step import FormStep
from screens.text import Quiet

if TYPE_CHECKING:
    from kinstall.cluster import ClusterSpec
    from kinstall.operations.trust import Seen

_KEYS = {
    "known": ("good", "known"),
    "unknown": ("warn", "unknown"),
    "changed": ("bad", "changed"),
    "unreachable": ("bad", "not seen"),
}

HELP = """\
a         add a node                      Enter   edit the chosen one
d         duplicate it, with the next free name and address
Del       remove it; z brings it back     K J     move it up and down
p         paste machines: lines, an inventory, a table (pasting into the table does the same)
i         import an Ansible inventory, a CSV table or ~/.ssh/config
Ctrl+R    probe: ask all nodes at once whether they are fit; nothing is changed on them
F4        allow what the chosen node's first error complains about

A host key that nobody has vouched for is shown with its fingerprint, to be trusted once; it then stands in the
answers. A key that changed is refused: the machine may be another one."""


class NodesScreen(FormStep):
    STEP: ClassVar[str] = "nodes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add"),
        Binding("d", "duplicate", "Duplicate", show=False),
        Binding("delete", "remove", "Remove", show=False),
        Binding("z", "bring_back", "Bring back", show=False),
        Binding("K", "move(-1)", "Move up", show=False),
        Binding("J", "move(1)", "Move down", show=False),
        Binding("p", "paste", "Paste"),
        Binding("i", "import", "Import"),
        Binding("ctrl+r", "probe", "Probe"),
        Binding("f4", "allow", "Allow", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.probe = Probe()
        self._removed: list[tuple[int, dict[str, Any]]] = []

    def parts(self) -> ComposeResult:
        with Vertical(id="nodes"):
            yield Quiet(id="nodes-summary")
            yield NodesTable(id="nodes-table")
            yield Quiet(id="nodes-keys")
            yield FieldForm(self.draft, placed_on(self.STEP), self.HINTS)
            yield Quiet(id="found-heading")
            yield Quiet(id="found-text")

    # The rows

    @property
    def rows(self) -> list[dict[str, Any]]:
        """`nodes:` of the answers, as far as it is a list of mappings."""
        found = self.draft.get(("nodes",), [])
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    @property
    def at(self) -> int:
        return self.query_one(NodesTable).cursor_row

    def _put(self, rows: Sequence[dict[str, Any]], at: int | None = None) -> None:
        self.draft.set(("nodes",), list(rows))
        self.show_draft()
        if at is not None:
            self.query_one(NodesTable).move_cursor(row=at, animate=False)

    def action_add(self) -> None:
        rows = self.rows
        self._put([*rows, row_words.new_row(rows)], len(rows))
        self._edit(len(rows), new=True)

    def action_duplicate(self) -> None:
        rows, at = self.rows, self.at
        if rows:
            self._put([*rows[: at + 1], row_words.duplicate(rows, at), *rows[at + 1 :]], at + 1)

    def action_remove(self) -> None:
        rows, at = self.rows, self.at
        if rows and isinstance(self.focused, NodesTable):
            self._removed.append((at, rows[at]))
            self._put([*rows[:at], *rows[at + 1 :]])
            self.notify(f"{rows[at].get('name')} is not a node any more; z brings it back")

    def action_bring_back(self) -> None:
        if self._removed:
            at, row = self._removed.pop()
            rows = self.rows
            self._put([*rows[:at], row, *rows[at:]], min(at, len(rows)))

    def action_move(self, by: int) -> None:
        rows, at = self.rows, self.at
        if rows:
            self._put(row_words.moved(rows, at, by), min(max(at + by, 0), len(rows) - 1))

    @on(DataTable.RowSelected)
    def _selected(self) -> None:
        if self.rows:
            self._edit(self.at)

    def _edit(self, index: int, *, path: str = "", new: bool = False) -> None:
        form = NodeForm(self.draft, index)

        def closed(_: None) -> None:
            rows = self.rows
            if new and index < len(rows) and not rows[index].get("address"):
                self._put([*rows[:index], *rows[index + 1 :]])
                self.notify("a node without an address was not kept")
            self.show_draft()

        self.app.push_screen(form, closed)
        if path or new:
            self.call_after_refresh(form.go_to, path or f"nodes[{index}].address")

    # Machines from elsewhere

    @work(exclusive=True, group="machines")
    async def action_paste(self, text: str = "") -> None:
        self._took(await self.app.push_screen_wait(Machines(self.rows, text=text)))

    @work(exclusive=True, group="machines")
    async def action_import(self) -> None:
        self._took(await self.app.push_screen_wait(Machines(self.rows, path=suggested())))

    def _took(self, merged: Merged | None) -> None:
        if merged is None:
            return
        self._put(merged.nodes)
        words = [f"{len(merged.added)} added"] + ([f"{len(merged.updated)} updated"] if merged.updated else [])
        self.notify("; ".join([", ".join(words), *merged.notices]))

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted into the table are machines."""
        if isinstance(self.focused, NodesTable):
            event.stop()
            self.action_paste(event.text)

    # Probe

    @work(exclusive=True, group="probe")
    async def action_probe(self) -> None:
        """Host keys first, then what preflight finds, per node as it comes."""
        problem = next(iter(self.draft.problems), None)
        if problem:
            self.notify(str(problem), title="A probe asks what the answers name", severity="warning")
            return
        prompt = await prompt_for(self.wizard, self.draft.spec)
        if prompt is None:
            return
        self.probe.begin(self.rows)
        self.show_draft()
        try:
            if await self._keys_are_known(prompt):
                await self._ask_all(prompt)
        except KinstallError as error:
            self.notify(str(error), severity="error")
            if isinstance(error, AuthenticationFailed):
                self.wizard.typed.clear()
        finally:
            self.probe.end()
            if self.is_attached:  # the program may be ending
                self.show_draft()

    async def _keys_are_known(self, prompt: Prompt) -> bool:
        """Whether to go on: what was not trusted yet was shown. A jump host comes first, as it leads to the others."""
        background = self.wizard.background
        while True:
            spec = self.draft.spec
            seen = await background.result("keys", partial(self._look, spec, prompt))
            self.probe.seen(seen)
            self.show_draft()
            unknown = [each for each in seen if each.status.value == "unknown"]
            if not unknown:
                return True
            changed = [each for each in seen if each.status.value == "changed"]
            chosen = await self.app.push_screen_wait(TrustKeys(unknown, changed))
            if not chosen:
                return False
            trusted = [each for each in unknown if each.node in chosen]
            self._pin(trusted)
            jumps = [each for each in trusted if each.node not in {node.name for node in spec.nodes}]
            if not jumps:
                self.probe.keys |= {each.node: "known" for each in trusted}
                return True
            await background.result("keys", partial(self._trust, spec, jumps))

    def _look(self, spec: ClusterSpec, prompt: Prompt, tell: Any, stop: threading.Event) -> Sequence[Seen]:
        return self.wizard.services.host_keys(spec, prompt)

    def _trust(self, spec: ClusterSpec, seen: Sequence[Seen], tell: Any, stop: threading.Event) -> None:
        self.wizard.services.trust(spec, seen)

    def _pin(self, trusted: Sequence[Seen]) -> None:
        """The fingerprints go into the answers, which are all that a replay elsewhere has."""
        by_name = {each.node: each.fingerprint for each in trusted}
        for index, row in enumerate(self.rows):
            if row.get("name") in by_name:
                self.draft.set(("nodes", index, "hostKey"), by_name[row["name"]])

    async def _ask_all(self, prompt: Prompt) -> None:
        services, spec = self.wizard.services, self.draft.spec

        def ask(tell: Any, stop: threading.Event) -> Sequence[Finding]:
            return services.probe(spec, tell, stop, prompt)

        def heard(item: tuple[str, Sequence[Finding]]) -> None:
            self.probe.heard(*item)
            self.show_draft()

        findings = await self.wizard.background.result("probe", ask, on_item=heard)
        bad = {finding.node or "the cluster" for finding in findings if finding.severity is Severity.ERROR}
        self.notify(f"not fit yet: {', '.join(sorted(bad))}" if bad else f"{_nodes(spec)} fit", title="Probe")

    def action_allow(self) -> None:
        """Offer to let what the first error of the chosen node complains about be a warning."""
        rows = self.rows
        found = (self.probe.of(rows[self.at]) or []) if rows else []
        error = next((finding for finding in found if finding.severity is Severity.ERROR), None)
        if error is None:
            self.notify("the chosen node has no error to allow")
            return
        ignored = self.draft.get(("preflight", "ignore"), [])

        def answered(chosen: str | None) -> None:
            if chosen == "allow":
                self.draft.set(("preflight", "ignore"), [*ignored, error.check])
                self.notify(f"{error.check} is a warning from now on; Ctrl+R probes again")

        text = (
            f"{error.message}\n\nAllow it on all nodes? Its errors become warnings (preflight.ignore: {error.check})."
        )
        self.app.push_screen(Question(text, [("no", "Do not allow it"), ("allow", f"Allow {error.check}")]), answered)

    # Showing

    def draft_changed(self) -> None:
        super().draft_changed()
        rows = self.rows
        self.query_one("#nodes-summary", Quiet).say(row_words.summary(rows) if rows else _NONE)
        self.query_one(NodesTable).show([self._line(index, row) for index, row in enumerate(rows)], self._width())
        self.query_one("#nodes-keys", Quiet).say(_ROW_KEYS if rows else "")
        self._tell_found()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draft_changed)

    def _width(self) -> int:
        return self.query_one(NodesTable).size.width or self.size.width - 2

    def _line(self, index: int, row: dict[str, Any]) -> Line:
        name = str(row.get("name", ""))
        problems = self.draft.problems_at(f"nodes[{index}]")
        kind, words = row_words.state(problems, self.probe.of(row), name in self.probe.waiting)
        key_kind, key = _key(row, self.probe.keys.get(name, ""))
        common = self.draft.get(("ssh",), {})
        login = row_words.login(row, common if isinstance(common, dict) else {})
        role = str(row.get("role", "")).replace("-", " ")
        return Line(name, role, str(row.get("address", "")), login, key, key_kind, words, kind)

    @on(DataTable.RowHighlighted)
    def _tell_found(self) -> None:
        """All that is known of the chosen node, and what compares nodes."""
        rows, at = self.rows, self.at
        head = text = ""
        if rows and at < len(rows):
            row = rows[at]
            problems = [f"{MARKS['bad']} {problem}" for problem in self.draft.problems_at(f"nodes[{at}]")]
            found = self.probe.of(row) or []
            told = [*problems, row_words.told(found)]
            if self.probe.of_cluster:
                told.append(row_words.told(self.probe.of_cluster))
            text = "\n".join(each for each in told if each)
            head = f"─ {row.get('name', '')} " if text else ""
        width = self.query_one("#found-heading").size.width or self.size.width - 2
        self.query_one("#found-heading", Quiet).say(head + "─" * max(0, width - len(head)) if head else "")
        self.query_one("#found-text", Quiet).say(text)

    def go_to(self, path: str) -> bool:
        if path.startswith("nodes["):
            index = int(path[6:].partition("]")[0])
            if index < len(self.rows):
                self.query_one(NodesTable).move_cursor(row=index, animate=False)
                self._edit(index, path=path)
                return True
        if path == "nodes" or path.startswith("nodes["):
            self.query_one(NodesTable).focus()
            return True
        return super().go_to(path)

    def page_of_help(self, about: object) -> tuple[str, str]:
        if isinstance(self.focused, NodesTable):
            return "Nodes", HELP
        return super().page_of_help(about)  # type: ignore[arg-type]


_NONE = "No node yet: a adds one, p pastes many, i imports an inventory, a table or ~/.ssh/config."
_ROW_KEYS = hints("Enter Edit", "d Duplicate", "Del Remove", "K Up", "J Down", "z Bring back", "F4 Allow", between="  ")


def _key(row: dict[str, Any], seen: str) -> tuple[str, str]:
    """(kind, words) of a node's host key: what a look showed, else whether the answers hold one."""
    if seen in ("changed", "unreachable") or (seen and not row.get("hostKey")):
        kind, word = _KEYS[seen]
    elif row.get("hostKey"):
        kind, word = "good", "pinned"
    else:
        kind, word = "wait", "not seen"
    return kind, f"{MARKS[kind]} {word}"


def _nodes(spec: ClusterSpec) -> str:
    return "the node is" if len(spec.nodes) == 1 else f"all {len(spec.nodes)} nodes are"


__all__ = ["CLUSTER", "NodesScreen"]
