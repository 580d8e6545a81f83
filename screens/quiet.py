"""A text on the screen that changes often and mostly says the same."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Quiet(Static):
    """A text that is laid out anew only when it says something else."""

    auto_links = False  # what can be clicked on looks as the rest

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes=classes, markup=False)
        self._said: object = None

    def say(self, content: Content | str) -> None:
        if content != self._said:
            self._said = content
            self.update(content)
