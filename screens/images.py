"""The step Images."""

from __future__ import annotations

from typing import ClassVar

from screens.formstep import FormStep


class ImagesScreen(FormStep):
    STEP: ClassVar[str] = "images"
