"""A node that exists only in memory: it interprets the step types, and fails where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kinstall.engine.diff import Action, download_mark, entries_for, mark_name, stale_marks
from kinstall.engine.events import Event, PhaseFinished, PhaseStarted
from kinstall.engine.host import Listener, Work
from kinstall.engine.observation import Observation, PathState, UnitState
from kinstall.engine.record import Entry
from kinstall.engine.runner import NodeSurvey, Runner, RunResult, survey_node
from kinstall.engine.steps import Directory, Download, File, Image, Plan, Script, Step, Unit, Wait, input_digest
from kinstall.errors import NodeBusy


@dataclass
class MemoryHost:
    """`faults`: step id → what happens instead of the step: an exit status, or an error that is raised once each."""

    name: str
    faults: dict[str, list[int | Exception]] = field(default_factory=dict)
    seen: Observation = field(default_factory=Observation)
    applied: list[str] = field(default_factory=list)
    observed: int = 0
    owner: str = ""
    on_step: Callable[[Step], None] = lambda step: None

    def observe(
        self,
        steps: Sequence[Step],
        run: str = "",
        waits: Callable[[str], None] = lambda reason: None,
        take: bool = True,
    ) -> Observation:
        self.observed += 1
        if run and take:
            self.owner = run
        if run and self.owner != run:
            raise NodeBusy(self.name, "another run took this node over")
        return self.seen

    def apply(self, work: Work, listener: Listener) -> bool:
        fresh = entries_for(work.todo, self.seen)
        gone = stale_marks(work.todo, work.providers)
        marks = {name: mark for name, mark in self.seen.marks.items() if name not in gone}
        self.seen = replace(self.seen, record=(*self.seen.record, *fresh), marks=marks)
        for index, item in enumerate(work.todo):
            if self.owner != work.run:
                return False
            listener.began(index)
            self.on_step(item.step)
            fault = self.faults[item.step.id].pop(0) if self.faults.get(item.step.id) else 0
            if isinstance(fault, Exception):
                raise fault
            if fault:
                listener.said(index, f"{item.step.id} says why")
                listener.ended(index, fault)
                return False
            self._do(item.step, item.action, work.providers)
            self.applied.append(item.step.id)
            listener.ended(index, 0)
        return True

    def _do(self, step: Step, action: Action, providers: Sequence[Step]) -> None:
        seen = self.seen
        match step:
            case Directory():
                paths = {step.path: PathState("directory", step.mode, step.owner, "0:0:0")}
                self.seen = replace(seen, paths={**seen.paths, **paths})
            case File():
                paths = {step.path: PathState("regular file", step.mode, step.owner, "1:1:1", step.digest)}
                self.seen = replace(seen, paths={**seen.paths, **paths})
            case Download():
                paths = {path: PathState("regular file", step.mode, "root:root", "2:2:2") for path in step.destinations}
                mark = download_mark(step, ["2:2:2" for _ in step.destinations])
                self.seen = replace(seen, paths={**seen.paths, **paths}, marks={**seen.marks, mark_name(step.id): mark})
            case Image():
                self.seen = replace(seen, images=(seen.images or frozenset()) | {step.ref})
            case Unit():
                mark = input_digest(step.inputs, providers)
                self.seen = replace(
                    seen,
                    units={**seen.units, step.name: UnitState(active=True, enabled=True)},
                    marks={**seen.marks, mark_name(step.id): mark},
                )
            case Script():
                mark = input_digest(step.inputs, providers)
                self.seen = replace(
                    seen, checks={**seen.checks, step.id: True}, marks={**seen.marks, mark_name(step.id): mark}
                )
            case Wait():
                self.seen = replace(seen, checks={**seen.checks, step.id: True})

    def undo(self, entries: Sequence[Entry], run: str, listener: Listener) -> bool:
        for index, entry in enumerate(entries):
            listener.began(index)
            fault = self.faults[entry.subject].pop(0) if self.faults.get(entry.subject) else 0
            if isinstance(fault, Exception):
                raise fault
            listener.ended(index, fault)
            if fault:
                return False
        self.seen = Observation()
        return True

    def read(self, paths: Sequence[str]) -> dict[str, bytes]:
        return {}

    def stop(self, run: str) -> None:
        if self.owner == run:
            self.owner = "stopped by the operator"

    def close(self) -> None: ...


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
