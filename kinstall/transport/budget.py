"""How much a node may print in answer to a question: bounded bytes, lines and time, whatever runs there."""

from __future__ import annotations

import time

from kinstall.errors import TransportError

_LONGEST = 16 * 1024
"""Characters of a line that are kept."""


class TooMuchOutput(TransportError):
    """A node printed more than any honest answer has, or did not come to an end."""


class Budget:
    """Counts what one program prints: `execute(program, on_line=budget.spend)`. `seconds` since now, however much is
    printed."""

    def __init__(self, node: str, most_bytes: int, most_lines: int, seconds: float) -> None:
        self._node, self._bytes, self._lines = node, most_bytes, most_lines
        self._seconds, self._until = seconds, time.monotonic() + seconds
        self._limit = f"{most_bytes >> 20} MiB or {most_lines} lines"

    def spend(self, line: str) -> None:
        """Raises TooMuchOutput, which ends the program."""
        self._bytes -= len(line) + 1
        self._lines -= 1
        if self._bytes < 0 or self._lines < 0:
            raise self._error(f"it prints more than {self._limit} in answer to a question that needs far less")
        if time.monotonic() > self._until:
            raise self._error(f"it goes on printing for more than {self._seconds:.0f} seconds")

    def _error(self, what: str) -> TooMuchOutput:
        return TooMuchOutput(self._node, what, "look at what its login shell and its programs print, then try again")


class Lines(Budget):
    """Collects the lines of one program: `execute(program, on_line=lines.add)`.

    `longest`: characters of a line that are kept; 0: all of it.
    """

    def __init__(self, node: str, most_bytes: int, most_lines: int, seconds: float, longest: int = _LONGEST) -> None:
        super().__init__(node, most_bytes, most_lines, seconds)
        self.lines: list[str] = []
        self._longest = longest

    def add(self, line: str) -> None:
        """Raises TooMuchOutput, which ends the program."""
        self.spend(line)
        self.lines.append(line[: self._longest] if self._longest else line)
