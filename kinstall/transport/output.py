"""What comes back from a node, cut into lines. Pure: bytes in, calls of `on_line` out."""

from __future__ import annotations

import re
from collections.abc import Callable

from kinstall.transport.become import ENDED, STARTED

_PREAMBLE = 4096
_LONGEST = 1 << 20
_NO_STATUS = 255
"""Of a program whose node does not say how it ended."""


class Output:
    """The output of a bootstrap (see kinstall.transport.become) with that mark.

    `started` once the program's own output begins, `status` once it has ended, `incomplete` when it was not run;
    `preamble` is what was said before (its last 4 KiB). A line of more than 1 MiB is passed on in parts.
    """

    def __init__(self, mark: str, on_line: Callable[[str], None]) -> None:
        self._mark = mark.encode()
        self._on_line = on_line
        self._rest = b""
        self._before = b""
        self.started = False
        self.incomplete = False
        self.status: int | None = None

    @property
    def ended(self) -> bool:
        return self.incomplete or self.status is not None

    @property
    def preamble(self) -> str:
        return (self._before + b"\n" + (b"" if self.started else self._rest)).decode(errors="replace").strip()

    def feed(self, data: bytes) -> None:
        """Take the next bytes; what follows the program's end is dropped."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self.ended:
                return
            if self._mark in line:
                self._marked(line)
            elif self.started:
                self._emit(line)
            else:
                self._before = (self._before + line + b"\n")[-_PREAMBLE:]
        keep = len(self._mark) + 8
        if len(self._rest) > _LONGEST:
            part, self._rest = self._rest[:-keep], self._rest[-keep:]
            if self.started:
                self._emit(part)

    def close(self) -> None:
        """No more bytes: the last line may lack its end."""
        if self.started and self._rest and not self.ended:
            self._emit(self._rest)
        if self.started:
            self._rest = b""

    def _marked(self, line: bytes) -> None:
        before, _, word = line.partition(self._mark)
        if not self.started:
            self._before = (self._before + before)[-_PREAMBLE:]
            self.started = word.startswith(STARTED.encode())
            return
        if before:
            self._emit(before)
        if word.startswith(ENDED.encode()):
            number = word[1:].strip() or b"1"
            self.status = int(number) if re.fullmatch(rb"[0-9]{1,3}", number) else _NO_STATUS
        else:
            self.incomplete = True

    def _emit(self, line: bytes) -> None:
        self._on_line(line.removesuffix(b"\r").decode(errors="replace"))
