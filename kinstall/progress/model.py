"""The progress of a run: a fold over its events. No I/O and no clock: the caller says when the event came.

The terminal's display and the wizard both draw from this. `fold` is a few dictionary operations, so that thousands of
events per second cost little; everything that only painting needs is computed when painting.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field

from kinstall.engine.events import (
    Event,
    Notice,
    Outcome,
    OutputLine,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)

BAD = frozenset({Outcome.FAILED, Outcome.UNREACHABLE, Outcome.CANCELLED})

# An estimate made from less than this is a guess that jumps about.
_ESTIMATE_FROM_SECONDS = 3.0
_ESTIMATE_FROM_FRACTION = 0.05


@dataclass(frozen=True, slots=True)
class Failure:
    """A step (or, with an empty `step`, a whole phase) that ended badly."""

    node: str
    phase: str
    step: str
    outcome: Outcome
    message: str


@dataclass(slots=True)
class PhaseProgress:
    """One phase on one node. Times are those given to `fold`, in seconds."""

    name: str
    steps: int = 0
    pending: int = 0
    started_at: float | None = None
    seconds: float | None = None
    outcome: Outcome | None = None
    started: set[str] = field(default_factory=set)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    worked: int = 0
    """Steps that both started and ended."""

    @property
    def total(self) -> int:
        return max(self.steps, len(self.outcomes))

    @property
    def done(self) -> int:
        """Steps that need nothing more.

        Steps that were in order already may be reported one by one or not at all (`steps - pending`): both count once.
        """
        if self.outcome is not None and self.outcome not in BAD:
            return self.total
        return min(self.total, max(len(self.outcomes), self.steps - self.pending + self.worked))


@dataclass(slots=True)
class NodeProgress:
    """One node: `phase` and `step` are what runs now (or ran last), `expected` its steps in the whole run if known.

    The name is empty for what concerns no single node (verify's checks of the cluster).
    """

    name: str
    role: str = ""
    expected: int = 0
    phase: str = ""
    step: str = ""
    phases: dict[str, PhaseProgress] = field(default_factory=dict)
    counts: Counter[Outcome] = field(default_factory=Counter)
    failure: Failure | None = None

    @property
    def total(self) -> int:
        return max(self.expected, sum(phase.total for phase in self.phases.values()))

    @property
    def done(self) -> int:
        return sum(phase.done for phase in self.phases.values())

    @property
    def active(self) -> PhaseProgress | None:
        """The phase that runs now, if one does."""
        phase = self.phases.get(self.phase)
        return phase if phase is not None and phase.outcome is None else None

    @property
    def outcome(self) -> Outcome | None:
        """How the node ended: None while it runs or waits for its next phase."""
        if self.failure is not None:
            return self.failure.outcome
        if any(phase.outcome is Outcome.SKIPPED for phase in self.phases.values()):
            return Outcome.SKIPPED  # a phase that it waited for failed elsewhere
        if self.expected and self.done >= self.expected and self.active is None:
            return Outcome.CHANGED if self.counts[Outcome.CHANGED] else Outcome.OK
        return None

    @property
    def seconds(self) -> float:
        """Time spent in phases that have ended."""
        return sum(phase.seconds or 0.0 for phase in self.phases.values())


class Progress:
    """The state of a run after all events folded so far. Nothing is lost when events of a run come in another order."""

    def __init__(self) -> None:
        self.run = ""
        self.command = ""
        self.cluster = ""
        self.phases: tuple[str, ...] = ()
        self.nodes: dict[str, NodeProgress] = {}
        self.failures: list[Failure] = []
        self.notices: list[Notice] = []
        self.finished: RunFinished | None = None
        self._expected = 0
        self._started_at: float | None = None

    def fold(self, event: Event, at: float) -> None:
        """Take in one event that came at `at` (seconds of any monotonic clock)."""
        if self._started_at is None:
            self._started_at = at
        # The most frequent first: a chatty step sends thousands of lines per second.
        if isinstance(event, OutputLine):
            self._node(event.node)  # displays that show lines keep them
        elif isinstance(event, StepStarted):
            self._step_started(event, at)
        elif isinstance(event, StepFinished):
            self._step_finished(event, at)
        elif isinstance(event, PhaseStarted):
            self._phase_started(event, at)
        elif isinstance(event, PhaseFinished):
            self._phase_finished(event, at)
        elif isinstance(event, Notice):
            self.notices.append(event)
        elif isinstance(event, RunStarted):
            self._run_started(event, at)
        else:
            self.finished = event

    # The whole run

    @property
    def done(self) -> int:
        return sum(node.done for node in self.nodes.values())

    @property
    def total(self) -> int:
        return max(self._expected, sum(node.total for node in self.nodes.values()))

    @property
    def fraction(self) -> float:
        """0 to 1, by number of steps; 1 only when the run ended well or every step is done."""
        if self.finished is not None and self.finished.outcome not in BAD:
            return 1.0
        total = self.total
        return self.done / total if total else 0.0

    def elapsed(self, now: float) -> float:
        """Seconds since the run started; the run's own figure once it has ended."""
        if self.finished is not None:
            return self.finished.seconds
        return max(0.0, now - self._started_at) if self._started_at is not None else 0.0

    def remaining(self, now: float) -> float | None:
        """Seconds that are left if the rest goes as fast as what is done; None while it cannot be estimated."""
        fraction, elapsed = self.fraction, self.elapsed(now)
        if self.finished is not None or fraction < _ESTIMATE_FROM_FRACTION or elapsed < _ESTIMATE_FROM_SECONDS:
            return None
        return elapsed * (1 - fraction) / fraction

    # Folding

    def _node(self, name: str) -> NodeProgress:
        node = self.nodes.get(name)
        if node is None:
            node = self.nodes[name] = NodeProgress(name)
        return node

    def _phase(self, node: NodeProgress, name: str, at: float) -> PhaseProgress:
        phase = node.phases.get(name)
        if phase is None:
            phase = node.phases[name] = PhaseProgress(name, started_at=at)
            node.phase = name
        return phase

    def _run_started(self, event: RunStarted, at: float) -> None:
        if self.finished is not None or (self.run and self.run != event.run):
            self.__init__()  # type: ignore[misc]  # another run begins: nothing of the last one stays
            self._started_at = at
        self.run, self.command, self.cluster, self.phases = event.run, event.command, event.cluster, event.phases
        self._expected = event.total
        early = self.nodes
        self.nodes = {name: early.get(name, NodeProgress(name)) for name in event.nodes} | early
        for name, role in event.nodes.items():
            self.nodes[name].role = role
            self.nodes[name].expected = event.totals.get(name, 0)

    def _phase_started(self, event: PhaseStarted, at: float) -> None:
        node = self._node(event.node)
        known = node.phases.get(event.phase)
        if known is None or known.outcome is not None:  # new, or tried again
            if known is not None:
                node.counts.subtract(known.outcomes.values())
                if node.failure is not None and node.failure.phase == event.phase:
                    node.failure = None
            known = node.phases[event.phase] = PhaseProgress(event.phase, started_at=at)
        known.steps, known.pending = event.steps, event.pending
        node.phase, node.step = event.phase, ""

    def _step_started(self, event: StepStarted, at: float) -> None:
        node = self._node(event.node)
        phase = self._phase(node, event.phase, at)
        phase.started.add(event.step)
        if event.step in phase.outcomes:
            phase.worked += 1
        else:
            node.phase, node.step = event.phase, event.step

    def _step_finished(self, event: StepFinished, at: float) -> None:
        node = self._node(event.node)
        phase = self._phase(node, event.phase, at)
        before, outcome = phase.outcomes.get(event.step), event.outcome
        if before is not None:
            node.counts[before] -= 1
            if before is Outcome.CHANGED and outcome is Outcome.OK:
                outcome = before  # the connection broke, and the phase is reported again from its beginning
        elif event.step in phase.started:
            phase.worked += 1
        phase.started.discard(event.step)
        # The same steps on hundreds of nodes: their names are kept once.
        phase.outcomes[sys.intern(event.step)] = outcome
        node.counts[outcome] += 1
        if event.outcome in BAD:
            self._failed(node, Failure(event.node, event.phase, event.step, event.outcome, event.message))
        elif node.failure is not None and (node.failure.phase, node.failure.step) == (event.phase, event.step):
            node.failure = None

    def _phase_finished(self, event: PhaseFinished, at: float) -> None:
        node = self._node(event.node)
        phase = self._phase(node, event.phase, at)
        phase.outcome, phase.seconds = event.outcome, event.seconds
        if event.outcome in BAD and (node.failure is None or node.failure.phase != event.phase):
            self._failed(node, Failure(event.node, event.phase, "", event.outcome, event.message))

    def _failed(self, node: NodeProgress, failure: Failure) -> None:
        # The first failure of a node is the cause; what comes after it mostly follows from it.
        if node.failure is None:
            node.failure = failure
        self.failures.append(failure)
