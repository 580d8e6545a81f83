"""Writing to standard output: if the reader goes away, the output ends, not the run."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import TracebackType
from typing import Any, Protocol, TextIO, cast

from kinstall.engine.events import Event
from kinstall.secrets import Redactor
from kinstall.wording import harmless


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


class HarmlessStream:
    """A text stream in front of another one; what is written becomes harmless on its way (kinstall.wording)."""

    def __init__(self, stream: TextIO) -> None:
        self.raw = stream

    def write(self, text: str) -> int:
        return self.raw.write(harmless(text))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def raw(stream: TextIO) -> TextIO:
    """The stream itself, for what cleans its text in another way and has to steer the terminal."""
    return stream.raw if isinstance(stream, HarmlessStream) else stream


@contextmanager
def harmless_streams() -> Iterator[None]:
    """Inside, whatever is printed to the standard streams, by whomever, cannot steer the terminal."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, HarmlessStream(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


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


class RedactedStream:
    """A text stream with a redactor in front of it; all else is the stream's own."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream, self._redactor = stream, redactor

    def write(self, text: str) -> int:
        self._stream.write(self._redactor.text(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def redacted(redactor: Redactor) -> Iterator[None]:
    """Inside it nothing reaches standard output and standard error but through the redactor."""
    with (
        redirect_stdout(cast(TextIO, RedactedStream(sys.stdout, redactor))),
        redirect_stderr(cast(TextIO, RedactedStream(sys.stderr, redactor))),
    ):
        yield


@contextmanager
def quiet_pipe(stream: TextIO | None = None) -> Iterator[None]:
    """Around everything a command prints: `kinstall plan … | head` ends without an error."""
    try:
        yield
        (stream or sys.stdout).flush()
    except BrokenPipeError:
        silence(stream or sys.stdout)
