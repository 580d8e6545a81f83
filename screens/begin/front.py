"""What the first page needs of the app."""

from __future__ import annotations

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

    async def open_answers(self, draft: Draft, unfinished: str = "") -> None:
        """Edit these answers from now on, or go on with the run of theirs that did not finish."""
