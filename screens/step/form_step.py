"""A step that asks for the fields that are declared for it, with a picture or a table of its own beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from screens.fields import FieldForm, FieldRow, placed_on
from screens.fields.form import Hint
from screens.step.base import StepScreen
from screens.text import SteadyText


class FormStep(StepScreen):
    """`HINTS`: written path → what follows from the answer. `side` is under the form, or beside it."""

    HINTS: ClassVar[Mapping[str, Hint]] = {}

    def parts(self) -> ComposeResult:
        yield FieldForm(self.draft, placed_on(self.STEP), self.HINTS)
        with Vertical(id="side"):
            yield from self.side()
            yield SteadyText(id="about")

    def side(self) -> ComposeResult:
        """What this step shows besides its fields."""
        yield from ()

    def draft_changed(self) -> None:
        self.query_one(FieldForm).show_draft()

    def go_to(self, path: str) -> bool:
        return self.query_one(FieldForm).go_to(path)

    @on(FieldRow.Focused)
    def _show_help(self, event: FieldRow.Focused) -> None:
        key = event.row.key
        beside = False
        for page in self.query("#about").results(SteadyText):  # a step with its own parts may have no room for it
            page.set_text(event.row.long_help())
            beside = beside or bool(page.display)
        self.help_with("" if beside else f"{event.row.label}: {key.help}.\n{key.more}".rstrip())
        self.wizard.about = event.row
