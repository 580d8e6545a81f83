"""What every step's screen has: the header with all steps, a body, a line of help, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from kinstall.wording import cut
from screens.draft.draft import Draft
from screens.fields import placement
from screens.step.help import page_of_step
from screens.step.order import STEPS
from screens.step.wizard import Wizard
from screens.text import SteadyText

if TYPE_CHECKING:
    from screens.fields import FieldRow

_NAME_ROOM = 10
WIDE = 120
"""Columns from which help and pictures are beside the form."""


class StepBar(SteadyText):
    """`kinstall · demo   Networking  Security …`, the present step underlined, ✗ behind those with problems."""

    def show(self, draft: Draft, present: str) -> None:
        name = cut(str(draft.effective(("clusterName",))), _NAME_ROOM)
        wrong = {placement.screen_of(problem.path) for problem in draft.problems}
        top = Content(f"kinstall · {name}".ljust(_NAME_ROOM + 12))
        line = " " * (_NAME_ROOM + 12)
        for step in STEPS:
            mark = "✗" if step.name in wrong else " "
            here = step.name == present
            top += Content.styled(step.title, "bold" if here else "") + Content(f"{mark} ")
            line += ("━" if here else " ") * len(step.title) + "  "
        self.set_text(Content("\n").join([top, Content(line)]))

    async def on_click(self, event: events.Click) -> None:
        at = event.x - _NAME_ROOM - 12
        for step in STEPS:
            if 0 <= at < len(step.title):
                await cast("Wizard", self.app).action_go(step.name)
            at -= len(step.title) + 2


class Body(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls by pages and to what has the focus; up and down go from field to field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
    ]


class StepScreen(Screen[None]):
    """Base of the steps' screens. `draft_changed` is called when it is shown and after every change of the answers."""

    STEP: ClassVar[str] = ""

    @property
    def wizard(self) -> Wizard:
        return cast("Wizard", self.app)

    @property
    def draft(self) -> Draft:
        return self.wizard.draft

    @property
    def wide(self) -> bool:
        """Whether there is room beside a form."""
        return self.app.size.width >= WIDE

    def compose(self) -> ComposeResult:
        yield StepBar(id="steps")
        with Body(id="body"):
            yield from self.parts()
        yield Static(id="help", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def parts(self) -> ComposeResult:
        """What is between the header and the help."""
        yield from ()

    def draft_changed(self) -> None:
        """Show the answers as they are now."""

    def go_to(self, path: str) -> bool:
        """Put the focus where a written path is asked for; whether this screen asks for it."""
        return False

    async def may_go_on(self) -> bool:
        """Whether Next may leave this step; if not, the step shows why. It waits for no dialog: that needs a worker."""
        return True

    def quit_question(self) -> str:
        """What to ask before the wizard is left from here, as a sentence; empty for nothing beyond unsaved answers."""
        return ""

    def page_of_help(self, about: FieldRow | None) -> tuple[str, str]:
        """(heading, text) for F1: about the field that has the focus, and about this step."""
        step = next(step for step in STEPS if step.name == self.STEP)
        return page_of_step(step.title, step.purpose, about)

    def help_with(self, text: str) -> None:
        """Show a line about the field that has the focus."""
        line = self.query_one("#help", Static)
        line.update(text)
        line.display = bool(text)

    def show_draft(self) -> None:
        """The header and what this step shows."""
        self.query_one(StepBar).show(self.draft, self.STEP)
        self.draft_changed()

    def on_mount(self) -> None:
        self.show_draft()

    def on_screen_resume(self) -> None:
        self.show_draft()
