"""Writing to standard output: if the reader goes away, the output ends, not the run."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, TextIO

from kinstall.engine.events import Event


class RunSink(Protocol):
    """A sink that is entered before a run and left after it. It takes events from any thread."""

    @property
    def broken(self) -> bool:
        """Whether the reader of the output went away; later output is dropped."""

    def __call__(self, event: Event, /) -> None: ...

    def __enter__(self) -> RunSink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class LineWriter:
    """Whole lines to a stream, from any thread, each flushed. A broken pipe makes it silent."""

    def __init__(self, stream: TextIO) -> None:
        self.broken = False
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        with self._lock:
            if self.broken:
                return
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except BrokenPipeError:
                self.broken = True
                silence(self._stream)


def silence(stream: TextIO) -> None:
    """Point a stream without a reader at /dev/null: Python flushes it once more at exit, which would fail."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return  # a stream in memory
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


@contextmanager
def quiet_pipe(stream: TextIO | None = None) -> Iterator[None]:
    """Around everything a command prints: `kinstall plan … | head` ends without an error."""
    try:
        yield
        (stream or sys.stdout).flush()
    except BrokenPipeError:
        silence(stream or sys.stdout)
