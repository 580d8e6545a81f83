"""Plain lines, for a pipe or a log: phases' starts and ends, and every step that changed something or failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from kinstall.engine.events import (
    Event,
    Notice,
    Outcome,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunStarted,
    StepFinished,
)
from kinstall.progress.model import BAD
from kinstall.progress.text import clean, duration, summary
from kinstall.terminal.stream import LineWriter
from kinstall.wording import count

_SILENT = (Outcome.OK, Outcome.SKIPPED)


def _matters(event: Event) -> bool:
    """Whether the event is shown where only trouble and the end shall be."""
    match event:
        case StepFinished() | PhaseFinished():
            return event.outcome in BAD
        case _:
            return isinstance(event, Notice | RunFinished)


class PlainLines:
    """A sink that writes lines such as `   3.2 s  cp1  runtime  file /etc/x: changed`, elapsed time first."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._out = LineWriter(stream)
        self._clock = clock
        self._began = clock()
        self._width = 1
        self._failed = False  # a step reported the cause: the run's end need not repeat it

    @property
    def broken(self) -> bool:
        return self._out.broken

    def __call__(self, event: Event) -> None:
        if self._quiet and not _matters(event):
            return
        text = self._text(event)
        if text:
            head, *rest = clean(text).split("\n")
            elapsed = self._clock() - self._began
            self._out.write("\n".join([f"{elapsed:7.1f} s  {head}", *(f"{'':11}{line}" for line in rest)]))

    def _text(self, event: Event) -> str:
        match event:
            case RunStarted():
                self._width = max((len(name) for name in event.nodes), default=1)
                nodes, steps = count(len(event.nodes), "node"), count(event.total, "step")
                return f"{event.command} of {event.cluster}: {nodes}, {steps}"
            case PhaseStarted() if event.pending:
                return self._line(event.node, f"{event.phase}: {event.pending} of {event.steps} steps to do")
            case StepFinished() if event.outcome not in _SILENT:
                self._failed = self._failed or event.outcome in BAD
                took = f" ({duration(event.seconds)})" if event.seconds >= 0.05 else ""
                word = event.outcome.value if event.outcome is Outcome.CHANGED else event.outcome.value.upper()
                message = f": {event.message}" if event.message else ""
                return self._line(event.node, f"{event.phase}  {event.step}: {word}{took}{message}")
            case PhaseFinished():
                message = f": {event.message}" if event.message else ""
                ended = f"{event.phase}: {event.outcome.value} in {duration(event.seconds)}{message}"
                return self._line(event.node, ended)
            case Notice():
                return self._line(event.node, f"note: {event.message}")
            case RunFinished():
                counts = summary(event.outcome, event.changed, event.ok, event.failed, event.seconds)
                return f"{counts}\n{event.message}" if event.message and not self._failed else counts
            case _:
                return ""

    def _line(self, node: str, text: str) -> str:
        return f"{node:{self._width}}  {text}" if node else text

    def __enter__(self) -> PlainLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
