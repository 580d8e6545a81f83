"""Which page of help is about what is on the screen now."""

from __future__ import annotations

from textual.screen import ModalScreen, Screen, SystemModalScreen

from screens.fields import FieldRow
from screens.step.base import StepScreen
from screens.step.help import page_of_dialog


def page_of(screen: Screen[object]) -> tuple[str, str] | None:
    """(heading, text) for what is on the screen now; None where Textual's own pages are."""
    focused = screen.focused
    around = focused.ancestors_with_self if focused else ()
    about = next((each for each in around if isinstance(each, FieldRow)), None)
    if isinstance(screen, SystemModalScreen):
        return None
    if isinstance(screen, ModalScreen):
        return page_of_dialog(screen, about)
    return screen.page_of_help(about) if isinstance(screen, StepScreen) else None
