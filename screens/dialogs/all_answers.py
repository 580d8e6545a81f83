"""All answers as the text of their file: to edit, and to paste into."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label, Static, TextArea

from kinstall.answers import load
from kinstall.errors import InvalidAnswers
from screens.dialogs.dialog import Dialog
from screens.dialogs.hints import Hints
from screens.draft.draft import Draft

_SHOWN = 4


class AllAnswers(Dialog[str | None]):
    """The draft as YAML; its result is the text, None if unchanged."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f2", "leave", "Keep changes and go back", priority=True),
        Binding("f8", "next_problem", "Next problem"),
    ]

    def __init__(self, draft: Draft, at: str = "") -> None:
        """`at`: the written path where the cursor is at first."""
        super().__init__()
        self.draft, self.at = draft, at

    def compose(self) -> ComposeResult:
        text = self.draft.unread or self.draft.text()
        with Vertical(classes="page"):
            yield Label("All answers, as the text of their file", classes="heading", markup=False)
            yield TextArea(text, show_line_numbers=True, compact=True, tab_behavior="focus", id="text")
            yield Static(id="message", markup=False)
            yield Hints("Esc keep changes and go back", "F8 next problem")

    def on_mount(self) -> None:
        self._judge()
        line = self._line_of(self.at)
        if line:
            self.query_one(TextArea).move_cursor((line - 1, 0), center=True)

    @on(TextArea.Changed)
    def _judge(self) -> None:
        lines = [f"✗ line {problem.line}: {problem.path}: {problem.message}" for problem in self._problems()]
        more = [f"  … and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        self.query_one("#message", Static).update("\n".join(lines[:_SHOWN] + more) or "✓ the answers are valid")

    def _problems(self) -> tuple:  # type: ignore[type-arg]
        try:
            return load.examine(load.read(self.query_one(TextArea).text)).problems
        except InvalidAnswers as error:
            return error.problems

    def _line_of(self, path: str) -> int:
        return next((problem.line for problem in self._problems() if path and problem.path == path), 0)

    def action_next_problem(self) -> None:
        area = self.query_one(TextArea)
        lines = sorted({problem.line for problem in self._problems() if problem.line})
        if lines:
            here = area.cursor_location[0] + 1
            area.move_cursor((next((line for line in lines if line > here), lines[0]) - 1, 0), center=True)

    def changed_text(self) -> str | None:
        """The text as edited; None where it equals the draft's."""
        text = self.query_one(TextArea).text
        return None if text == (self.draft.unread or self.draft.text()) else text

    def action_leave(self) -> None:
        self.dismiss(self.changed_text())
