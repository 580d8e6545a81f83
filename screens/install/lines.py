"""The log of each node as lines: bounded, and counted, so that a view can follow while the oldest lines go."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from kinstall.engine.events import (
    Event,
    Notice,
    Outcome,
    OutputLine,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    StepFinished,
)
from kinstall.progress.model import BAD
from kinstall.progress.text import MARKS, OUTCOME_KINDS, clean, duration, summary

KEPT = 20_000
"""Lines over all nodes; the run's log file has the others."""

FEWEST = 100
"""Lines that each node keeps, however many nodes there are."""

_PHASE = 14


class Lines:
    """The last lines of one node. `dropped` counts those that were removed."""

    def __init__(self, most: int) -> None:
        self.dropped = 0
        self._kept: deque[str] = deque(maxlen=most)

    def append(self, line: str) -> None:
        if len(self._kept) == self._kept.maxlen:
            self.dropped += 1
        self._kept.append(line)

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> str:
        return self._kept[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)


class NodeLines:
    """Lines per node; those of no single node are under the empty name."""

    def __init__(self, nodes: int = 1) -> None:
        self._most = max(FEWEST, KEPT // max(1, nodes))
        self._of: dict[str, Lines] = {}

    def fold(self, event: Event) -> None:
        node = getattr(event, "node", "")
        lines = self._of.get(node)
        if lines is None:
            lines = self._of[node] = Lines(self._most)
        for line in log_lines(event):
            lines.append(line)

    def of(self, node: str) -> Lines:
        return self._of.get(node) or self._of.setdefault(node, Lines(self._most))


def log_lines(event: Event) -> Iterator[str]:
    """An event as lines of its node's log; a step that was in order already has none."""
    match event:
        case OutputLine():
            yield f"{event.phase:<{_PHASE}}   {clean(event.line)}"
        case PhaseStarted() if event.pending:
            yield f"{event.phase:<{_PHASE}} {event.pending} of {event.steps} steps to do"
        case StepFinished() if event.outcome is not Outcome.OK or not event.node:
            took = f" ({duration(event.seconds)})" if event.seconds >= 0.05 else ""
            mark = MARKS[OUTCOME_KINDS[event.outcome]]
            head = f"{event.phase:<{_PHASE}} {mark} {clean(event.step)}: {event.outcome.value}{took}"
            yield from _with(head, event.message)
        case PhaseFinished() if event.outcome in BAD or event.seconds >= 0.05:
            mark = MARKS[OUTCOME_KINDS[event.outcome]]
            head = f"{event.phase:<{_PHASE}} {mark} {event.outcome.value} in {duration(event.seconds)}"
            yield from _with(head, event.message)
        case Notice():
            yield from _with("! note", event.message)
        case RunFinished():
            yield summary(event.outcome, event.changed, event.ok, event.failed, event.seconds)
        case _:
            return


def _with(head: str, message: str) -> Iterator[str]:
    first, *rest = clean(message).split("\n")
    yield f"{head}: {first}" if first else head
    for line in rest:
        yield f"{'':{_PHASE}}   {line}"
