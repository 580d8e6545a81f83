"""What a run reports: frozen records, put into a sink one after another. A sink is any callable that takes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """`phases` in the order of their display; `nodes` name → role; `total` steps over all nodes.

    `totals`: steps per node, so that a display can distinguish a node that has ended from one that waits for others.
    """

    run: str
    command: str
    cluster: str
    phases: tuple[str, ...]
    nodes: Mapping[str, str]
    total: int
    totals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    node: str
    phase: str
    steps: int
    pending: int


@dataclass(frozen=True, slots=True)
class StepStarted:
    node: str
    phase: str
    step: str


@dataclass(frozen=True, slots=True)
class OutputLine:
    node: str
    phase: str
    step: str
    line: str


@dataclass(frozen=True, slots=True)
class StepFinished:
    """`seconds` is the step's own time on the node; `message` the cause of a failure, or what changed."""

    node: str
    phase: str
    step: str
    outcome: Outcome
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class PhaseFinished:
    """`message`: why it ended badly where no step of it says so (the node went away)."""

    node: str
    phase: str
    outcome: Outcome
    seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth saying that is not a step: waiting for a lock, a warning."""

    node: str
    message: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    outcome: Outcome
    changed: int
    ok: int
    failed: int
    seconds: float
    message: str = ""


Event = RunStarted | PhaseStarted | StepStarted | OutputLine | StepFinished | PhaseFinished | Notice | RunFinished
Sink = Callable[[Event], None]


def as_dict(event: Event) -> dict[str, Any]:
    """The event as JSON-ready data, its type under `event` in camelCase (`stepFinished`)."""
    name = type(event).__name__
    # Not dataclasses.asdict: it copies every value, and a large run has tens of thousands of events.
    return {"event": name[0].lower() + name[1:], **{key: getattr(event, key) for key in event.__slots__}}
