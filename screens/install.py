"""The step Install."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from screens.step import StepScreen


class InstallScreen(StepScreen):
    STEP: ClassVar[str] = "install"

    def parts(self) -> ComposeResult:
        yield Static("Install")
