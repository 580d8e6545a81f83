"""The step Nodes: which machines, how to log in to them, and whether they are fit."""

from __future__ import annotations

import threading
from collections.abc import Sequence
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
from kinstall.wording import listed
from screens.dialogs.hints import hints
from screens.dialogs.questions import Question
from screens.dialogs.secrets import Prompt, prompt_for
from screens.fields import FieldForm, placed_on
from screens.nodes import rows as node_rows
from screens.nodes.form import NodeForm
from screens.nodes.host_keys import confirm
from screens.nodes.machines import Machines, suggested
from screens.nodes.probe import CLUSTER, Probe
from screens.nodes.table import Line, NodesTable
from screens.step.form_step import FormStep
from screens.text import SteadyText

if TYPE_CHECKING:
    from kinstall.cluster import ClusterSpec

HELP = """\
a         add a node                      Enter   edit the chosen one
d         duplicate it, with the next free name and address
Del       remove it; z: undo              K J     move it up and down
p         paste machines: lines, an inventory, a table (pasting into the table does the same)
i         import an Ansible inventory, a CSV table or ~/.ssh/config
Ctrl+R    probe: check all nodes at once; nothing is changed on them
F4        allow the chosen node's first error: it becomes a warning

A host key that is not trusted yet is shown with its fingerprint; once you trust it, it is stored in the answers.
A key that changed is refused: it may be another machine."""


class NodesScreen(FormStep):
    STEP: ClassVar[str] = "nodes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add"),
        Binding("d", "duplicate", "Duplicate", show=False),
        Binding("delete", "remove", "Remove", show=False),
        Binding("z", "undo_remove", "Undo", show=False),
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
            yield SteadyText(id="nodes-summary")
            yield NodesTable(id="nodes-table")
            yield SteadyText(id="nodes-keys")
            yield FieldForm(self.draft, placed_on(self.STEP), self.HINTS)
            yield SteadyText(id="findings-heading")
            yield SteadyText(id="findings-text")

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
        self._put([*rows, node_rows.new_row(rows)], len(rows))
        self._edit(len(rows), new=True)

    def action_duplicate(self) -> None:
        rows, at = self.rows, self.at
        if rows:
            self._put([*rows[: at + 1], node_rows.duplicate(rows, at), *rows[at + 1 :]], at + 1)

    def action_remove(self) -> None:
        rows, at = self.rows, self.at
        if rows and isinstance(self.focused, NodesTable):
            self._removed.append((at, rows[at]))
            self._put([*rows[:at], *rows[at + 1 :]])
            self.notify(f"{rows[at].get('name')} removed; z: undo")

    def action_undo_remove(self) -> None:
        if self._removed:
            at, row = self._removed.pop()
            rows = self.rows
            self._put([*rows[:at], row, *rows[at:]], min(at, len(rows)))

    def action_move(self, by: int) -> None:
        rows, at = self.rows, self.at
        if rows:
            self._put(node_rows.moved(rows, at, by), min(max(at + by, 0), len(rows) - 1))

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
                self.notify("the new node was dropped: it has no address")
            self.show_draft()

        self.app.push_screen(form, closed)
        if path or new:
            self.call_after_refresh(form.go_to, path or f"nodes[{index}].address")

    # Paste and import

    @work(exclusive=True, group="machines")
    async def action_paste(self, text: str = "") -> None:
        self._accept(await self.app.push_screen_wait(Machines(self.rows, text=text)))

    @work(exclusive=True, group="machines")
    async def action_import(self) -> None:
        self._accept(await self.app.push_screen_wait(Machines(self.rows, path=suggested())))

    def _accept(self, merged: Merged | None) -> None:
        if merged is None:
            return
        self._put(merged.nodes)
        words = [f"{len(merged.added)} added"] + ([f"{len(merged.updated)} updated"] if merged.updated else [])
        self.notify("; ".join([", ".join(words), *merged.notices]))

    def on_paste(self, event: events.Paste) -> None:
        """Text pasted into the table is read as machines."""
        if isinstance(self.focused, NodesTable):
            event.stop()
            self.action_paste(event.text)

    # Probe

    @work(exclusive=True, group="probe")
    async def action_probe(self) -> None:
        """Check host keys first, then run preflight; each node's findings are shown as they come."""
        problem = next(iter(self.draft.problems), None)
        if problem:
            self.notify(str(problem), title="The answers must be valid before a probe", severity="warning")
            return
        prompt = await prompt_for(self.wizard, self.draft.spec)
        if prompt is None:
            return
        self.probe.begin(self.rows)
        self.show_draft()
        try:
            if await confirm(self.wizard, prompt, self._show_keys):
                await self._run_probe(prompt)
        except KinstallError as error:
            self.notify(str(error), severity="error")
            if isinstance(error, AuthenticationFailed):
                self.wizard.typed.clear()
        finally:
            self.probe.end()
            if self.is_attached:  # the program may be ending
                self.show_draft()

    def _show_keys(self, statuses: dict[str, str]) -> None:
        self.probe.keys = statuses
        self.show_draft()

    async def _run_probe(self, prompt: Prompt) -> None:
        services, spec = self.wizard.services, self.draft.spec

        def probe(emit: Any, stop: threading.Event) -> Sequence[Finding]:
            return services.probe(spec, emit, stop, prompt)

        def add(item: tuple[str, Sequence[Finding]]) -> None:
            self.probe.add(*item)
            self.show_draft()

        findings = await self.wizard.background.result("probe", probe, on_item=add)
        bad = {finding.node or "the cluster" for finding in findings if finding.severity is Severity.ERROR}
        self.notify(f"with errors: {listed(sorted(bad), 8)}" if bad else f"{_nodes(spec)} fit", title="Probe")

    def action_allow(self) -> None:
        """Offer to turn the chosen node's first error into a warning."""
        rows = self.rows
        findings = (self.probe.of(rows[self.at]) or []) if rows else []
        error = next((finding for finding in findings if finding.severity is Severity.ERROR), None)
        if error is None:
            self.notify("the chosen node has no error to allow")
            return
        ignored = self.draft.get(("preflight", "ignore"), [])

        def answered(chosen: str | None) -> None:
            if chosen == "allow":
                self.draft.set(("preflight", "ignore"), [*ignored, error.check])
                self.notify(f"{error.check} is now a warning; Ctrl+R probes again")

        text = (
            f"{error.message}\n\nAllow it on all nodes? Its errors become warnings (preflight.ignore: {error.check})."
        )
        self.app.push_screen(Question(text, [("no", "Do not allow it"), ("allow", f"Allow {error.check}")]), answered)

    # Showing

    def draft_changed(self) -> None:
        super().draft_changed()
        rows = self.rows
        self.query_one("#nodes-summary", SteadyText).set_text(node_rows.summary(rows) if rows else _NONE)
        self.query_one(NodesTable).show([self._line(index, row) for index, row in enumerate(rows)], self._width())
        self.query_one("#nodes-keys", SteadyText).set_text(_ROW_KEYS if rows else "")
        self._show_findings()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draft_changed)

    def _width(self) -> int:
        return self.query_one(NodesTable).size.width or self.size.width - 2

    def _line(self, index: int, row: dict[str, Any]) -> Line:
        name = str(row.get("name", ""))
        problems = self.draft.problems_at(f"nodes[{index}]")
        kind, words = node_rows.state(problems, self.probe.of(row), name in self.probe.waiting)
        key_kind, key = node_rows.host_key(row, self.probe.keys.get(name, ""))
        common = self.draft.get(("ssh",), {})
        login = node_rows.login(row, common if isinstance(common, dict) else {})
        role = str(row.get("role", "")).replace("-", " ")
        return Line(name, role, str(row.get("address", "")), login, key, key_kind, words, kind)

    @on(DataTable.RowHighlighted)
    def _show_findings(self) -> None:
        """Show the chosen node's problems and findings, and the findings across nodes."""
        rows, at = self.rows, self.at
        head = text = ""
        if rows and at < len(rows):
            row = rows[at]
            problems = [f"{MARKS['bad']} {problem}" for problem in self.draft.problems_at(f"nodes[{at}]")]
            parts = [*problems, node_rows.findings_text(self.probe.of(row) or [])]
            if self.probe.of_cluster:
                parts.append(node_rows.findings_text(self.probe.of_cluster))
            text = "\n".join(part for part in parts if part)
            head = f"─ {row.get('name', '')} " if text else ""
        width = self.query_one("#findings-heading").size.width or self.size.width - 2
        self.query_one("#findings-heading", SteadyText).set_text(head + "─" * max(0, width - len(head)) if head else "")
        self.query_one("#findings-text", SteadyText).set_text(text)

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
_ROW_KEYS = hints("Enter Edit", "d Duplicate", "Del Remove", "K Up", "J Down", "z Undo", "F4 Allow", between="  ")


def _nodes(spec: ClusterSpec) -> str:
    return "the node is" if len(spec.nodes) == 1 else f"all {len(spec.nodes)} nodes are"


__all__ = ["CLUSTER", "NodesScreen"]
