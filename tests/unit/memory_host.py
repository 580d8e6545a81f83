"""A simulated node that also fails where a test tells it to, and remembers what was done to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from kinstall.engine.events import Event, PhaseFinished, PhaseStarted
from kinstall.engine.observation import Observation
from kinstall.engine.record import Entry
from kinstall.engine.run import NodeSurvey, Runner, RunResult, survey_node
from kinstall.engine.steps import Plan, Step
from kinstall.simulation import SimulatedHost, Trouble


class MemoryHost(SimulatedHost):
    """`faults`: step id, or what is undone → what happens instead, once each: an exit status, or an error.

    `applied` are the ids of steps that were brought about, `observed` counts the questions.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, interfere=self._strike)
        self.faults: dict[str, list[int | Exception]] = {}
        self.applied: list[str] = []
        self.observed = 0
        self.on_step: Callable[[Step], None] = lambda step: None

    def observe(
        self,
        steps: Sequence[Step],
        run: str = "",
        waits: Callable[[str], None] = lambda reason: None,
        take: bool = True,
    ) -> Observation:
        self.observed += 1
        return super().observe(steps, run, waits, take)

    def bring_about(self, step: Step, providers: Sequence[Step]) -> None:
        super().bring_about(step, providers)
        self.applied.append(step.id)

    def undoing(self, entry: Entry) -> Trouble | None:
        return self._fault(entry.subject)

    def _strike(self, phase: str, step: Step) -> Trouble | None:
        self.on_step(step)
        return self._fault(step.id)

    def _fault(self, what: str) -> Trouble | None:
        fault = self.faults[what].pop(0) if self.faults.get(what) else 0
        if isinstance(fault, Exception):
            raise fault
        return Trouble(fault, (f"{what} says why",)) if fault else None


class Quick(threading.Event):
    """A cancel event on which nobody waits long: the pauses between attempts are not what a test is about."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else 0.001)


def run_plan(
    plan: Plan,
    hosts: Mapping[str, MemoryHost],
    events: list[Event] | None = None,
    *,
    cancel: threading.Event | None = None,
    parallel: int = 8,
    until: str = "",
    run: str = "r1",
    surveys: Mapping[str, NodeSurvey] | None = None,
) -> RunResult:
    """Survey and run, as replay does; AssertionError where the run does not come to an end."""
    sink = (events if events is not None else []).append
    runner = Runner(
        plan,
        hosts,
        surveys or {name: survey_node(plan, host, run) for name, host in hosts.items()},
        sink,
        run=run,
        explain=lambda step, lines: lines[-1] if lines else "",
        cancel=cancel or Quick(),
        parallel=parallel,
        until=until,
    )
    results: list[RunResult] = []
    thread = threading.Thread(target=lambda: results.append(runner.run()), daemon=True)
    thread.start()
    thread.join(20)
    assert results, "the run hangs"
    return results[0]


def starts(events: Sequence[Event]) -> list[tuple[str, str]]:
    """(phase, node) in the order in which they started."""
    return [(e.phase, e.node) for e in events if isinstance(e, PhaseStarted)]


def ends(events: Sequence[Event]) -> dict[tuple[str, str], str]:
    """(phase, node) → how it ended."""
    return {(e.phase, e.node): str(e.outcome) for e in events if isinstance(e, PhaseFinished)}
