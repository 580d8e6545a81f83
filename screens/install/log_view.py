"""A view of lines that come at the end and go at the beginning: it follows, or stays where one reads; it searches."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from screens.install.lines import Lines

_MATCH = Style(reverse=True)
_CURRENT = Style(reverse=True, bold=True, underline=True)


class LogView(ScrollView, can_focus=True):
    """Shows one node's lines. `follow`: new lines scroll into view; off as soon as one scrolls up."""

    DEFAULT_CSS = """
    LogView { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """

    follow: reactive[bool] = reactive(True)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._lines = Lines(1)
        self._painted = (-1, -1)
        self._dropped = 0
        self.term = ""
        self._counted = ("", -1, -1, 0)
        self._at: int | None = None
        """The current match, counted from the first line ever."""

    def watch_lines(self, lines: Lines) -> None:
        """Show the lines of another node, from their end."""
        if lines is not self._lines:
            self._lines, self._dropped, self._at = lines, lines.dropped, None
            self.follow = True
            self._painted = (-1, -1)
            self.grown()

    def grown(self, *, moved: bool = False) -> None:
        """Lines may have been added (or `follow` changed): paint them, and keep what is being read in place."""
        lines = self._lines
        now = (len(lines), lines.dropped)
        if now == self._painted and not moved:
            return
        self._painted = now
        self.virtual_size = Size(self.size.width, len(lines))
        if self.follow:
            self.scroll_to(y=len(lines), animate=False, immediate=True)
        elif lines.dropped != self._dropped:
            self.scroll_to(y=max(0, self.scroll_y - (lines.dropped - self._dropped)), animate=False, immediate=True)
        self._dropped = lines.dropped
        self.refresh()

    def on_resize(self) -> None:
        self.grown(moved=True)

    @property
    def position(self) -> str:
        """The position as text: `line 12 of 300`."""
        return f"line {self._lines.dropped + self.scroll_offset.y + 1} of {self._lines.dropped + len(self._lines)}"

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and new_value < self.max_scroll_y - 1 and self._painted[1] == self._dropped:
            self.follow = False
        elif new_value >= self.max_scroll_y:
            self.follow = True

    # Search

    def search(self, term: str) -> bool:
        """Go to the last line that contains `term` (any case); False if none does. Empty: stop searching."""
        self.term, self._at = term.casefold(), None
        found = self.next_match(-1) if term else False
        self.refresh()
        return found

    def next_match(self, direction: int) -> bool:
        """Go to the next match below (1) or above (-1), around the ends; False if there is none."""
        count = len(self._lines)
        if not self.term or not count:
            return False
        here = self._at - self._lines.dropped if self._at is not None else (0 if direction < 0 else count - 1)
        for step in range(1, count + 1):
            index = (here + direction * step) % count
            if self.term in self._lines[index].casefold():
                self._at = index + self._lines.dropped
                self.follow = False
                self.scroll_to(y=max(0, index - self.size.height // 2), animate=False, immediate=True)
                self.refresh()
                return True
        return False

    @property
    def matches(self) -> int:
        """How many lines contain the search term; counted again when lines were added."""
        counted = (self.term, *self._painted)
        if self._counted[:3] != counted:
            found = sum(1 for line in self._lines if self.term in line.casefold()) if self.term else 0
            self._counted = (*counted, found)
        return self._counted[3]

    # Painting

    def render_line(self, y: int) -> Strip:
        width, index = self.size.width, self.scroll_offset.y + y
        if index >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[index]
        segments = list(self._segments(line, index + self._lines.dropped == self._at))
        return Strip(segments, cell_len(line)).adjust_cell_length(width, self.rich_style)

    def _segments(self, line: str, current: bool) -> list[Segment]:
        plain = self.rich_style
        if not self.term:
            return [Segment(line, plain)]
        style = plain + (_CURRENT if current else _MATCH)
        pieces, start, folded = [], 0, line.casefold()
        # Case folding may change a text's length (ß): then the whole line is marked.
        if len(folded) != len(line):
            return [Segment(line, style if self.term in folded else plain)]
        while (found := folded.find(self.term, start)) >= 0:
            pieces += [Segment(line[start:found], plain), Segment(line[found : found + len(self.term)], style)]
            start = found + len(self.term)
        return [*pieces, Segment(line[start:], plain)]
