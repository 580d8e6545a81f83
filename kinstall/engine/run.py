"""Runs a plan: one thread per node, phases in order, every change reported as an event.

First every node is asked once for everything (the survey). A phase that has nothing to do there, and before which
nothing was changed, costs no further round trip; any other phase asks again and applies what differs.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from kinstall.engine.diff import Pending, pending
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
from kinstall.engine.host import Host, Work
from kinstall.engine.observation import Observation
from kinstall.engine.steps import Phase, Plan, Scope, Step, Wait
from kinstall.errors import KinstallError, NodeBusy, TransportError, Unreachable

T = TypeVar("T")
Explain = Callable[[Step, Sequence[str]], str]
KEPT_LINES = 400
RETRIES = 3
PAUSE = 1.0
"""Seconds before the first new attempt; each later pause is twice as long."""

_LOOK = 0.5
"""How often, in seconds, whoever waits for a cancel looks whether the run is over."""


@dataclass(frozen=True, slots=True)
class NodeSurvey:
    """What one node has of the whole plan, and what is to be done there: phase name → pending steps."""

    seen: Observation
    todo: Mapping[str, tuple[Pending, ...]]


@dataclass(slots=True)
class RunResult:
    """`failures`: node → sentence. Counts are of steps."""

    changed: int = 0
    ok: int = 0
    failed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    cancelled: bool = False

    @property
    def outcome(self) -> Outcome:
        if self.failures:
            return Outcome.FAILED
        if self.cancelled:
            return Outcome.CANCELLED
        return Outcome.CHANGED if self.changed else Outcome.OK


def survey_node(plan: Plan, host: Host, run: str = "", sink: Sink = lambda event: None) -> NodeSurvey:
    """Ask one node what it has of the plan. Without `run` nothing is touched there."""
    steps = tuple(step for _, step in plan.of(host.name))
    seen = host.observe(steps, run, lambda reason: sink(Notice(host.name, reason)))
    return NodeSurvey(seen, by_phase(plan, host.name, seen))


def by_phase(plan: Plan, node: str, seen: Observation) -> dict[str, tuple[Pending, ...]]:
    """What is to be done on a node, per phase. A change in one phase makes units of later ones restart."""
    steps = tuple(step for _, step in plan.of(node))
    todo = {item.step.id: item for item in pending(steps, seen)}
    return {
        phase.name: tuple(todo[step.id] for step in phase.steps[node] if step.id in todo)
        for phase in plan.phases
        if node in phase.steps
    }


def for_each(hosts: Mapping[str, Host], work: Callable[[Host], T], parallel: int) -> dict[str, T | KinstallError]:
    """Call `work` for all hosts at once, `parallel` at a time; an expected error takes the result's place."""
    results: dict[str, T | KinstallError] = {}
    gate = threading.Semaphore(parallel)

    def one(host: Host) -> None:
        with gate:
            try:
                results[host.name] = work(host)
            except KinstallError as error:
                results[host.name] = error
            except Exception as error:
                results[host.name] = KinstallError(f"{host.name}: internal error: {error!r}", "please report it")

    threads = [threading.Thread(target=one, args=(host,), daemon=True) for host in hosts.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {name: results[name] for name in hosts}


@contextmanager
def stopping(
    hosts: Mapping[str, Host], run: str, cancel: threading.Event, on_cancel: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Inside, a cancel asks the programs of `run` to end at their next step, after `on_cancel` was called."""
    over = threading.Event()

    def stop() -> None:
        while not cancel.wait(_LOOK) and not over.is_set():
            pass
        if over.is_set():
            return
        on_cancel()
        # All at once: a node out of reach (it stops when its program finds nobody listening) holds up no other.
        for_each(hosts, lambda host: host.stop(run), len(hosts))

    threading.Thread(target=stop, daemon=True).start()
    try:
        yield
    finally:
        over.set()


class Runner:
    """One run of one plan."""

    def __init__(
        self,
        plan: Plan,
        hosts: Mapping[str, Host],
        surveys: Mapping[str, NodeSurvey],
        sink: Sink,
        *,
        run: str,
        explain: Explain,
        cancel: threading.Event | None = None,
        parallel: int = 32,
        until: str = "",
    ) -> None:
        self.plan = plan
        self.hosts = hosts
        self.surveys = surveys
        self.sink = sink
        self.run_id = run
        self.explain = explain
        self.cancel = cancel or threading.Event()
        names = [phase.name for phase in plan.phases]
        self._phases = plan.phases[: names.index(until) + 1] if until else plan.phases
        self.result = RunResult()
        self._gate = threading.Semaphore(parallel)
        self._turn = threading.Condition()
        self._outcomes: dict[tuple[str, str], Outcome] = {}
        self._steps: dict[tuple[str, str], Outcome] = {}
        self._touched = False

    def run(self) -> RunResult:
        """Carry the plan out on all nodes; expected errors are in the result, never raised."""
        threads = [threading.Thread(target=self._node, args=(name,), daemon=True) for name in self.hosts]
        with stopping(self.hosts, self.run_id, self.cancel, self._wake):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.result.cancelled = self.cancel.is_set()
        count = Counter(self._steps.values())
        self.result.changed, self.result.ok = count[Outcome.CHANGED], count[Outcome.OK]
        self.result.failed = count[Outcome.FAILED]
        return self.result

    def _wake(self) -> None:
        """Whoever waits for another phase looks again."""
        with self._turn:
            self._turn.notify_all()

    def _node(self, name: str) -> None:
        try:
            self._carry_out(name)
        except Exception as error:  # a sink that fails, say
            self._fail(name, f"{name}: internal error: {error!r}")
        finally:
            # However a node ends, no other may wait for it for ever.
            with self._turn:
                for phase in self._phases:
                    if name in phase.steps:
                        self._outcomes.setdefault((phase.name, name), Outcome.SKIPPED)
                self._turn.notify_all()

    def _carry_out(self, name: str) -> None:
        touched = False
        for phase in self._phases:
            if name not in phase.steps:
                continue
            if not self._may_start(phase, name):
                self._settle(phase, name, Outcome.SKIPPED, 0.0)
                continue
            started, message = time.monotonic(), ""
            try:
                # What a phase that waits for other nodes sees may have been changed by them.
                others = phase.earlier_batches(name) or any(a.scope is not Scope.NODE for a in phase.after)
                fresh = not touched and not (self._touched and others)
                outcome = self._with_retries(phase, self.hosts[name], fresh)
            except NodeBusy as error:
                message = "" if self.cancel.is_set() else str(error)
                outcome = Outcome.CANCELLED
            except TransportError as error:
                message = str(error)
                outcome = Outcome.UNREACHABLE
            except KinstallError as error:
                message = str(error)
                outcome = Outcome.FAILED
            except Exception as error:
                message = f"{name}: {phase.name}: internal error: {error!r}"
                outcome = Outcome.FAILED
            if message:
                self._fail(name, message)
            touched = touched or outcome is not Outcome.OK
            self._settle(phase, name, outcome, time.monotonic() - started, message)

    def _with_retries(self, phase: Phase, host: Host, fresh: bool) -> Outcome:
        """A connection that broke is made again: steps are idempotent, and the node is asked again."""
        for attempt in range(RETRIES):
            try:
                return self._phase(phase, host, fresh and attempt == 0)
            except Unreachable as error:
                if attempt == RETRIES - 1 or self.cancel.is_set():
                    raise
                self.sink(Notice(host.name, f"{error.what.removeprefix(f'{host.name}: ')}; trying again"))
                self.cancel.wait(PAUSE * 2**attempt)
        raise AssertionError

    def _may_start(self, phase: Phase, node: str) -> bool:
        """Wait until every phase that `phase` waits for has ended where it must, and the earlier batches of `phase`;
        False when one did not end well."""
        earlier = phase.earlier_batches(node)
        with self._turn:
            while True:
                verdicts = [self._verdict(after.phase, after.scope, node) for after in phase.after]
                verdicts += [self._good(phase.name, other) for other in earlier]
                if self.cancel.is_set() or False in verdicts or node in self.result.failures:
                    return False
                if None not in verdicts:
                    return True
                self._turn.wait()

    def _verdict(self, phase: str, scope: Scope, node: str) -> bool | None:
        """True: done, False: ended badly, None: not ended yet."""
        on = next(p for p in self.plan.phases if p.name == phase).steps
        if scope is Scope.NODE:
            return self._good(phase, node) if node in on else True
        ends = [self._good(phase, other) for other in on]
        if None in ends:
            return False if scope is Scope.ALL and False in ends else None
        return all(ends) if scope is Scope.ALL else self._good(phase, node) is not False and any(ends)

    def _good(self, phase: str, node: str) -> bool | None:
        outcome = self._outcomes.get((phase, node))
        return None if outcome is None else outcome in (Outcome.OK, Outcome.CHANGED)

    def _settle(self, phase: Phase, node: str, outcome: Outcome, seconds: float, message: str = "") -> None:
        with self._turn:
            self._outcomes[phase.name, node] = outcome
            self._touched = self._touched or outcome is not Outcome.OK
            self._turn.notify_all()
        self.sink(PhaseFinished(node, phase.name, outcome, seconds, message))

    def _fail(self, node: str, message: str) -> None:
        with self._turn:
            self.result.failures.setdefault(node, message)

    def _ended(self, node: str, step: Step, outcome: Outcome) -> None:
        """Each step counts once, also where a broken connection made it be looked at again."""
        with self._turn:
            if outcome is not Outcome.OK or self._steps.get((node, step.id)) is not Outcome.CHANGED:
                self._steps[node, step.id] = outcome

    def _phase(self, phase: Phase, host: Host, fresh: bool) -> Outcome:
        survey = self.surveys[host.name]
        seen, todo = survey.seen, survey.todo[phase.name]
        providers = tuple(step for _, step in self.plan.of(host.name))
        with self._gate:
            if not fresh:
                seen = host.observe(
                    phase.steps[host.name], self.run_id, lambda why: self.sink(Notice(host.name, why)), take=False
                )
                todo = pending(phase.steps[host.name], seen, providers)
            steps = phase.steps[host.name]
            self.sink(PhaseStarted(host.name, phase.name, len(steps), len(todo)))
            waiting = {item.step.id for item in todo}
            for step in steps:
                if step.id not in waiting:
                    self._ended(host.name, step, Outcome.OK)
                    self.sink(StepFinished(host.name, phase.name, step.id, Outcome.OK))
            if not todo:
                return Outcome.OK
            return self._apply(phase, host, Work(todo, providers, seen, self.run_id, phase.name))

    def _apply(self, phase: Phase, host: Host, work: Work) -> Outcome:
        listener = _StepEvents(self, host.name, phase.name, work.todo)
        finished = host.apply(work, listener)
        if finished:
            return Outcome.CHANGED if listener.changed else Outcome.OK
        if listener.failure:
            self._fail(host.name, listener.failure)
            return Outcome.FAILED
        if self.cancel.is_set():
            return Outcome.CANCELLED
        self._fail(host.name, f"{host.name}: another run took this node over")
        return Outcome.CANCELLED


class _StepEvents:
    """Turns a host's calls into events, and remembers the words of each step for its cause."""

    def __init__(self, runner: Runner, node: str, phase: str, todo: Sequence[Pending]) -> None:
        self.runner, self.node, self.phase, self.todo = runner, node, phase, todo
        self.began_at: dict[int, float] = {}
        self.lines: dict[int, list[str]] = {}
        self.failure = ""
        self.changed = False

    def began(self, index: int) -> None:
        self.began_at[index] = time.monotonic()
        self.runner.sink(StepStarted(self.node, self.phase, self.todo[index].step.id))

    def said(self, index: int, line: str) -> None:
        kept = self.lines.setdefault(index, [])
        kept.append(line)
        del kept[:-KEPT_LINES]
        self.runner.sink(OutputLine(self.node, self.phase, self.todo[index].step.id, line))

    def ended(self, index: int, status: int) -> None:
        item = self.todo[index]
        seconds = time.monotonic() - self.began_at.get(index, time.monotonic())
        if status == 0 and isinstance(item.step, Wait):
            self.runner._ended(self.node, item.step, Outcome.OK)
            self.runner.sink(StepFinished(self.node, self.phase, item.step.id, Outcome.OK, seconds))
            return
        if status == 0:
            self.changed = True
            self.runner._ended(self.node, item.step, Outcome.CHANGED)
            message = ": ".join(part for part in (item.action.value, item.detail) if part)
            self.runner.sink(StepFinished(self.node, self.phase, item.step.id, Outcome.CHANGED, seconds, message))
            return
        cause = self.runner.explain(item.step, self.lines.get(index, [])) or f"exit status {status}"
        self.failure = self.failure or f"{self.node}: {item.step.id}: {cause}"
        self.runner._ended(self.node, item.step, Outcome.FAILED)
        self.runner.sink(StepFinished(self.node, self.phase, item.step.id, Outcome.FAILED, seconds, cause))

    def waits(self, reason: str) -> None:
        self.runner.sink(Notice(self.node, reason))
