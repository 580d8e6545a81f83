"""The fold of a run's events."""

import itertools
import time

import pytest

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
from kinstall.progress.model import Progress

STARTED = RunStarted(
    "r1", "replay", "demo", ("runtime", "images"), {"cp1": "control-plane", "w1": "worker"}, 8, {"cp1": 4, "w1": 4}
)


def folded(*events: Event, progress: Progress | None = None) -> Progress:
    """Each event comes one second after the last, the first at 100."""
    progress = progress or Progress()
    for at, event in enumerate(events, start=100):
        progress.fold(event, float(at))
    return progress


def step(name: str, outcome: Outcome = Outcome.CHANGED, *, node: str = "cp1", phase: str = "runtime") -> list[Event]:
    return [StepStarted(node, phase, name), StepFinished(node, phase, name, outcome, 0.1, "why")]


def test_a_node_shows_its_phase_its_step_and_how_far_it_is() -> None:
    """While a step runs, the node's line has everything it needs."""
    progress = folded(STARTED, PhaseStarted("cp1", "runtime", 3, 2), *step("a"), StepStarted("cp1", "runtime", "b"))
    node = progress.nodes["cp1"]
    assert (node.role, node.phase, node.step, node.done, node.total) == ("control-plane", "runtime", "b", 2, 4)
    assert node.outcome is None
    assert node.active is not None
    assert node.active.started_at == 101


def test_steps_that_were_right_count_once_however_they_are_told() -> None:
    """Two of three steps need nothing: told one by one, or only by PhaseStarted, the count is the same."""
    quiet: list[Event] = [PhaseStarted("cp1", "runtime", 3, 1), *step("c")]
    told: list[Event] = [StepFinished("cp1", "runtime", name, Outcome.OK) for name in ("a", "b")]
    assert folded(*quiet).nodes["cp1"].done == 3
    assert folded(quiet[0], *told).nodes["cp1"].done == 2
    assert folded(quiet[0], *told, *quiet[1:]).nodes["cp1"].done == 3


def test_any_order_of_a_run_gives_the_same_counts() -> None:
    """Events of several threads may overtake one another: the sums do not depend on it."""
    events = [STARTED, PhaseStarted("cp1", "runtime", 2, 2), *step("a"), *step("b", Outcome.OK)]
    results = set()
    for order in itertools.permutations(events):
        progress = folded(*order)
        node = progress.nodes["cp1"]
        results.add((node.done, node.total, node.counts[Outcome.CHANGED], node.counts[Outcome.OK], node.role))
        assert list(progress.nodes) == ["cp1", "w1"]
    assert results == {(2, 4, 1, 1, "control-plane")}


def test_a_node_has_ended_when_all_its_steps_are_done() -> None:
    """Between two phases a node waits; after its last one it is done, changed or not."""
    phase: list[Event] = [
        PhaseStarted("cp1", "runtime", 2, 1),
        *step("a"),
        PhaseFinished("cp1", "runtime", Outcome.CHANGED, 4.0),
    ]
    progress = folded(STARTED, *phase)
    assert progress.nodes["cp1"].outcome is None
    assert progress.nodes["cp1"].active is None
    more: list[Event] = [PhaseStarted("cp1", "images", 2, 0), PhaseFinished("cp1", "images", Outcome.OK, 1.5)]
    progress = folded(*more, progress=progress)
    assert progress.nodes["cp1"].outcome is Outcome.CHANGED
    assert progress.nodes["cp1"].seconds == 5.5
    assert progress.nodes["w1"].outcome is None


def test_the_first_failure_of_a_node_is_its_cause() -> None:
    """What fails after a failure mostly follows from it; all failures are kept in the list."""
    progress = folded(
        STARTED,
        *step("a", Outcome.FAILED),
        *step("b", Outcome.FAILED),
        PhaseFinished("cp1", "runtime", Outcome.FAILED, 1),
    )
    node = progress.nodes["cp1"]
    assert node.failure is not None
    assert (node.failure.step, node.failure.message, node.outcome) == ("a", "why", Outcome.FAILED)
    assert [failure.step for failure in progress.failures] == ["a", "b"]


def test_a_node_that_went_away_fails_without_a_failed_step() -> None:
    """A connection that broke is told by the phase's end alone, with its message."""
    progress = folded(
        STARTED,
        PhaseStarted("w1", "runtime", 4, 4),
        PhaseFinished("w1", "runtime", Outcome.UNREACHABLE, 2.0, "no route to host"),
    )
    failure = progress.nodes["w1"].failure
    assert failure is not None
    assert (failure.step, failure.outcome, failure.message) == ("", Outcome.UNREACHABLE, "no route to host")
    assert progress.fraction == 0.0


def test_a_phase_told_again_counts_once() -> None:
    """After a broken connection the phase starts over: what had changed stays changed, and nothing counts twice."""
    events: list[Event] = [
        PhaseStarted("cp1", "runtime", 3, 2),
        StepFinished("cp1", "runtime", "x", Outcome.OK),
        *step("a"),
    ]
    again: list[Event] = [
        PhaseStarted("cp1", "runtime", 3, 1),
        *(StepFinished("cp1", "runtime", name, Outcome.OK) for name in ("x", "a")),
        *step("b"),
    ]
    node = folded(STARTED, *events, *again).nodes["cp1"]
    assert (node.done, node.counts[Outcome.CHANGED], node.counts[Outcome.OK]) == (3, 2, 1)


def test_a_phase_tried_again_after_a_failure_forgets_it() -> None:
    """A retry that works leaves no failure behind on the node."""
    progress = folded(
        STARTED,
        PhaseStarted("cp1", "runtime", 1, 1),
        *step("a", Outcome.FAILED),
        PhaseFinished("cp1", "runtime", Outcome.FAILED, 1),
        PhaseStarted("cp1", "runtime", 1, 1),
        *step("a"),
        PhaseFinished("cp1", "runtime", Outcome.CHANGED, 1),
    )
    node = progress.nodes["cp1"]
    assert (node.failure, node.counts[Outcome.FAILED], node.counts[Outcome.CHANGED]) == (None, 0, 1)


def test_nodes_that_were_skipped_are_not_done() -> None:
    """A node whose phase waits for one that failed elsewhere is told apart from a finished one."""
    progress = folded(STARTED, PhaseFinished("w1", "images", Outcome.SKIPPED, 0.0))
    assert progress.nodes["w1"].outcome is Outcome.SKIPPED


def test_elapsed_and_remaining_time() -> None:
    """The rest is taken to go as fast as what is done; too early there is no estimate."""
    progress = folded(STARTED, PhaseStarted("cp1", "runtime", 4, 2))  # 2 of 8 done
    assert progress.remaining(102.0) is None
    assert progress.elapsed(110.0) == 10.0
    assert progress.fraction == 0.25
    assert progress.remaining(110.0) == pytest.approx(30.0)


def test_the_end_of_the_run_is_told_by_the_run() -> None:
    """A finished run shows its own figures; a good one is full, also when steps were skipped."""
    progress = folded(STARTED, RunFinished(Outcome.OK, 0, 8, 0, 2.5))
    assert (progress.fraction, progress.elapsed(999.0), progress.remaining(999.0)) == (1.0, 2.5, None)
    failed = folded(STARTED, RunFinished(Outcome.FAILED, 0, 0, 1, 2.5))
    assert failed.fraction == 0.0


def test_another_run_starts_from_nothing() -> None:
    """Verify after replay in one display: nothing of the first run remains."""
    progress = folded(STARTED, *step("a", Outcome.FAILED), RunFinished(Outcome.FAILED, 0, 0, 1, 1.0))
    progress.fold(RunStarted("r2", "verify", "demo", (), {"cp1": "control-plane"}, 3), 500.0)
    assert (progress.command, progress.failures, progress.finished, list(progress.nodes)) == (
        "verify",
        [],
        None,
        ["cp1"],
    )
    assert progress.elapsed(501.0) == 1.0


def test_events_of_unknown_nodes_are_kept() -> None:
    """A node nobody announced still shows, whatever is told of it first."""
    progress = folded(OutputLine("x", "p", "s", "a line"), Notice("x", "waits"))
    assert list(progress.nodes) == ["x"]
    assert progress.notices == [Notice("x", "waits")]
    assert progress.fraction == 0.0


def test_thousands_of_events_cost_little() -> None:
    """50,000 events of 32 nodes fold in well under a second, so that 5,000 per second leave the frame free."""
    nodes = {f"n{index}": "worker" for index in range(32)}
    events: list[Event] = [RunStarted("r", "replay", "demo", ("p",), nodes, 32)]
    for number in range(25_000):
        node = f"n{number % 32}"
        events.append(OutputLine(node, "p", "s", "line"))
        events.append(StepFinished(node, "p", f"s{number % 50}", Outcome.OK))
    began = time.process_time()
    folded(*events)
    assert time.process_time() - began < 1.0
