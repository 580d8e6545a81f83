"""Texts on the screen: one that is set often and rarely changes; sizes as people read them."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter
from textual.widgets import Static

from kinstall.wording import without_controls


class HarmlessText(LineFilter):
    """The last filter of every painted line: no widget paints a character that steers a terminal."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.control or (text := without_controls(segment.text)) is segment.text
            else Segment(text, segment.style)
            for segment in segments
        ]


class SteadyText(Static):
    """A text that is laid out again only when it changes."""

    auto_links = False  # clickable text looks like the rest

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes=classes, markup=False)
        self._text: object = None

    def set_text(self, content: Content | str) -> None:
        if content != self._text:
            self._text = content
            self.update(content)


def size(number: float) -> str:
    """`512 B`, `1.2 kB`, `58 MB`: decimal units, two or three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5 or unit == "GB":
            return f"{number:.0f} {unit}" if number >= 9.95 or unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError
