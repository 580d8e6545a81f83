"""Reading the log of a run: lines → events with their times. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, get_args

from kinstall.engine.events import Event, Outcome, RunFinished, RunStarted
from kinstall.progress.model import Progress
from kinstall.progress.timeline import Timeline, timeline_of

_EVENTS: dict[str, type] = {kind.__name__[0].lower() + kind.__name__[1:]: kind for kind in get_args(Event)}
_OUTPUT = '"event": "outputLine"'


@dataclass(frozen=True, slots=True)
class Run:
    """A run, read from its log: (seconds since the first event, event). `name` is the log's file name.

    The output of programs is left out. `later`: how many later runs ended before they changed anything.
    """

    name: str
    began: datetime | None
    events: tuple[tuple[float, Event], ...]
    later: int = 0

    @property
    def started(self) -> RunStarted | None:
        return next((event for _, event in self.events if isinstance(event, RunStarted)), None)

    @property
    def finished(self) -> RunFinished | None:
        return next((event for _, event in reversed(self.events) if isinstance(event, RunFinished)), None)

    def progress(self) -> Progress:
        """The state of the run at its end."""
        progress = Progress()
        for at, event in self.events:
            progress.fold(event, at)
        return progress

    def timeline(self) -> Timeline:
        return timeline_of(self.events)


def read_log(lines: Iterable[str], name: str = "") -> Run:
    """The run of a log. Truncated lines and unknown events are skipped."""
    found: list[tuple[datetime, Event]] = []
    for line in lines:
        if _OUTPUT in line[:120]:  # most of a log, and not needed
            continue
        try:
            data = json.loads(line)
            found.append((datetime.fromisoformat(data["time"]), _event(data)))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    if not found:
        return Run(name, None, ())
    began = found[0][0]
    return Run(name, began, tuple(((time - began).total_seconds(), event) for time, event in found))


def _event(data: dict[str, Any]) -> Event:
    kind = _EVENTS[data["event"]]
    values = {each.name: data[each.name] for each in fields(kind) if each.name in data}
    if "outcome" in values:
        values["outcome"] = Outcome(values["outcome"])
    if "phases" in values:
        values["phases"] = tuple(values["phases"])
    for key in ("node", "phase", "step", "message", "run", "command", "cluster"):
        if not isinstance(values.get(key, ""), str):
            raise TypeError(key)
    for key in ("seconds", "changed", "ok", "failed", "total"):
        if not isinstance(values.get(key, 0), (int, float)):
            raise TypeError(key)
    nodes = values.get("nodes", {})
    if not isinstance(nodes, dict) or not all(isinstance(role, str) for role in nodes.values()):
        raise TypeError("nodes")
    event: Event = kind(**values)
    return event
