"""The step Nodes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from screens.step import StepScreen


class NodesScreen(StepScreen):
    STEP: ClassVar[str] = "nodes"

    def parts(self) -> ComposeResult:
        yield Static("Nodes")
