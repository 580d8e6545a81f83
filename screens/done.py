"""The step Done."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from screens.step import StepScreen


class DoneScreen(StepScreen):
    STEP: ClassVar[str] = "done"

    def parts(self) -> ComposeResult:
        yield Static("Done")
