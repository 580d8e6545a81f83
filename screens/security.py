"""The step Security."""

from __future__ import annotations

from typing import ClassVar

from screens.formstep import FormStep


class SecurityScreen(FormStep):
    STEP: ClassVar[str] = "security"
