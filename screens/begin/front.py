"""What the first page needs of the app."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from screens.background import Background
from screens.draft.draft import Draft
from screens.services import Services


class Front(Protocol):
    """The app, as the page that comes before the steps sees it."""

    services: Services
    background: Background

    @property
    def kept(self) -> str:
        """Unsaved answers of an earlier session; empty where there are none."""

    def take_text(self, text: str) -> None:
        """Replace the answers by a text's."""

    async def enter(self, step: str, action: str = "") -> None:
        """Go to a step, and do one of its actions there."""

    @property
    def opened(self) -> bool:
        """Whether the answers are those of a file or of a known cluster, not new ones."""

    def edit(self, draft: Draft, origin: Path | None = None) -> bool:
        """Edit these answers from now on; False where a run is under way."""

    async def open_answers(self, draft: Draft, unfinished: str = "", origin: Path | None = None) -> None:
        """edit(), and go to the first step, or on with the run that did not finish."""
