"""The step Review."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from screens.step import StepScreen


class ReviewScreen(StepScreen):
    STEP: ClassVar[str] = "review"

    def parts(self) -> ComposeResult:
        yield Static("Review")
