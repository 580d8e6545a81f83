"""The step Networking."""

from __future__ import annotations

from typing import ClassVar

from screens.formstep import FormStep


class NetworkingScreen(FormStep):
    STEP: ClassVar[str] = "networking"
