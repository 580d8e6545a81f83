"""What every page above a step is: it takes no key that was pressed before anybody could see it."""

from __future__ import annotations

from math import inf
from typing import ClassVar, TypeVar

from textual.message import Message
from textual.screen import ModalScreen

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """A page above a step. Keys typed ahead answer nothing in it: the app drops those for which `too_early` holds."""

    GRACE: ClassVar[float] = 0.0
    """Seconds without any key, after it is shown, before it takes one: for questions with consequences.

    A key that is held down repeats after up to 0.7 s, and then many times a second: it never gets through.
    """

    ready: float = inf
    """When its first key may have been pressed, in seconds as in `Message.time`."""

    def on_mount(self) -> None:
        # Waiting for the painting to have ended would lose what somebody presses at once: it is seen a little earlier.
        if self.GRACE:
            self.call_after_refresh(self._is_shown)
        else:
            self.ready = Message().time

    def _is_shown(self) -> None:
        self.ready = Message().time + self.GRACE

    def too_early(self, moment: float) -> bool:
        """Whether a key pressed at that moment cannot be an answer."""
        early = moment < self.ready
        if early and self.ready != inf:
            self.ready = max(self.ready, moment + self.GRACE)
        return early
