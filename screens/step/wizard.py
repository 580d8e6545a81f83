"""What a step or a dialog may ask of the application: a Protocol, so that no screen imports the app that imports it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Protocol, TypeVar

from textual.screen import Screen

from screens.background import Background
from screens.draft.draft import Draft
from screens.services import Services

if TYPE_CHECKING:
    from screens.fields import FieldRow
    from screens.install.run import Run  # the first screen needs nothing of it
    from screens.review.made import Made

Result = TypeVar("Result")


class Wizard(Protocol):
    """The answers being edited, services to the outside, and the ways between the steps."""

    draft: Draft
    services: Services
    background: Background
    about: FieldRow | None
    """The field that has the focus: what F1 explains."""
    typed: dict[str, str]
    """What was typed for questions of the answers (`prompt:`), until the wizard ends."""
    today: Callable[[], date]
    plan: Made
    """What a run would do, where it was asked."""

    @property
    def run_of_nodes(self) -> Run:
        """The run that Install makes."""

    async def action_go(self, name: str) -> None:
        """To a step by its name."""

    async def jump(self, path: str) -> None:
        """Go to the field of a written path; where no step asks for it, to its line among all answers."""

    async def show_all_answers(self, at: str = "") -> None:
        """All answers as text, the cursor at a written path; what is changed there is taken over."""

    async def save(self, *, elsewhere: bool = False) -> bool:
        """Write the answers, asking for a name where there is none yet; whether they were written."""

    async def push_screen_wait(self, screen: Screen[Result]) -> Result:
        """Textual's own: show a dialog, and wait for its result. Only in a worker."""
