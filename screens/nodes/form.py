"""A form with one node's fields; what is typed goes into the answers at once."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from kinstall.cluster import Node
from screens.dialogs.hints import Hints
from screens.draft.draft import Draft
from screens.fields import FieldForm, FieldRow
from screens.fields.placement import placed_in
from screens.step.base import Body


class NodeForm(ModalScreen[None]):
    """The node at `index`. Esc goes back; nothing is lost."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back to the table")]

    def __init__(self, draft: Draft, index: int) -> None:
        super().__init__()
        self.draft, self.index = draft, index

    def compose(self) -> ComposeResult:
        with Vertical(classes="page"):
            yield Label(self._heading(), classes="heading", markup=False, id="node-heading")
            with Body():
                yield FieldForm(self.draft, placed_in(Node, ("nodes", self.index), "nodes"))
            yield Static(id="message", markup=False)
            yield Hints("Tab ↑ ↓ from field to field", "Esc back to the table")

    def on_mount(self) -> None:
        self.draft.on_change.append(self._changed)
        self.call_after_refresh(self.show_draft)  # when the rows are composed

    def on_unmount(self) -> None:
        self.draft.on_change.remove(self._changed)

    def _changed(self) -> None:
        self.call_later(self.show_draft)

    def show_draft(self) -> None:
        if self.is_mounted:
            self.query_one(FieldForm).show_draft()
            self.query_one("#node-heading", Label).update(self._heading())

    def _heading(self) -> str:
        rows = self.draft.get(("nodes",), [])
        name = rows[self.index].get("name") if self.index < len(rows) else ""
        return f"Node {name or '(no name yet)'}   {self.index + 1} of {len(rows)}"

    @on(FieldRow.Focused)
    def _show_help(self, event: FieldRow.Focused) -> None:
        key = event.row.key
        self.query_one("#message", Static).update(f"{event.row.label}: {key.help}.")

    def go_to(self, path: str) -> None:
        """Put the focus on the field of a written path."""
        self.query_one(FieldForm).go_to(path)
