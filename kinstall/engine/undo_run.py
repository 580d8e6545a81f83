"""Undoes on all nodes at once what their records say, every step reported as an event."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kinstall.engine.diff import STATE
from kinstall.engine.events import (
    Notice,
    Outcome,
    OutputLine,
    PhaseFinished,
    PhaseStarted,
    Sink,
    StepFinished,
    StepStarted,
)
from kinstall.engine.host import Host, recorded
from kinstall.engine.record import Entry
from kinstall.engine.run import for_each, stopping
from kinstall.errors import KinstallError, NodeBusy


@dataclass(slots=True)
class UndoResult:
    """How it went: node → sentence for those that failed, and the nodes where it was stopped before its end."""

    failures: dict[str, str] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)


def undo_all(
    hosts: Mapping[str, Host],
    sink: Sink,
    *,
    run: str,
    cancel: threading.Event | None = None,
    parallel: int = 32,
    renewed: Callable[[Entry], Entry] = lambda entry: entry,
) -> UndoResult:
    """Undo on each node what its record says, the last first. `cancel` ends it at the next step of each node.

    `renewed` makes of an entry what is undone in its place: an earlier version wrote it.
    """
    cancel, ended = cancel or threading.Event(), UndoResult()

    def one(host: Host) -> None:
        started, outcome = time.monotonic(), Outcome.CANCELLED
        if cancel.is_set():
            ended.stopped.add(host.name)
            return
        try:
            seen = host.observe((), run, lambda reason: sink(Notice(host.name, reason)))
        except NodeBusy:
            if not cancel.is_set():
                raise
            ended.stopped.add(host.name)
            return
        entries = tuple(map(renewed, recorded(seen)))
        sink(PhaseStarted(host.name, "undo", len(entries), len(entries)))
        names = [*(f"{entry.kind} {entry.subject}" for entry in entries), f"directory {STATE}"]
        listener = _UndoEvents(host.name, names, sink)
        if host.undo(entries, run, listener):
            outcome = Outcome.CHANGED
        elif cancel.is_set() and not listener.failure:
            ended.stopped.add(host.name)
        else:
            outcome = Outcome.FAILED
            ended.failures[host.name] = listener.failure or f"{host.name}: not everything could be undone"
        sink(PhaseFinished(host.name, "undo", outcome, time.monotonic() - started))

    with stopping(hosts, run, cancel):
        results = for_each(hosts, one, parallel)
    for name, result in results.items():
        if isinstance(result, KinstallError):
            ended.failures[name] = str(result)
    return ended


class _UndoEvents:
    """Turns an undo program's progress into events."""

    def __init__(self, node: str, names: Sequence[str], sink: Sink) -> None:
        self.node, self.names, self.sink = node, names, sink
        self.words: list[str] = []
        self.failure = ""

    def began(self, index: int) -> None:
        self.words = []
        self.sink(StepStarted(self.node, "undo", self.names[index]))

    def said(self, index: int, line: str) -> None:
        self.words.append(line)
        self.sink(OutputLine(self.node, "undo", self.names[index] if index < len(self.names) else "", line))

    def ended(self, index: int, status: int) -> None:
        message = self.words[-1] if status and self.words else ""
        if status:
            self.failure = self.failure or f"{self.node}: could not undo {self.names[index]}: {message}"
        self.sink(
            StepFinished(
                self.node, "undo", self.names[index], Outcome.FAILED if status else Outcome.CHANGED, 0.0, message
            )
        )

    def waits(self, reason: str) -> None:
        self.sink(Notice(self.node, reason))
