"""How a node stands, in words."""

from __future__ import annotations

import pytest

from kinstall.engine.events import (
    Event,
    Outcome,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from kinstall.progress import node_status
from kinstall.progress.model import Progress

NODES = {"cp1": "control-plane", "w1": "worker"}
STARTED = RunStarted("r1", "replay", "demo", ("runtime", "join"), NODES, 8, dict.fromkeys(NODES, 4))


def stands(node: str, *events: Event) -> node_status.NodeStatus:
    progress = Progress()
    for event in (STARTED, *events):
        progress.fold(event, 100.0)
    return node_status.of_node(progress.nodes[node], progress, 107.0)


def test_who_had_not_finished_is_not_called_done() -> None:
    """After a run that failed elsewhere, a node in the middle of its work says how far it came."""
    told = stands(
        "w1",
        PhaseStarted("w1", "runtime", 2, 2),
        StepStarted("w1", "runtime", "file /etc/x"),
        StepFinished("w1", "runtime", "file /etc/x", Outcome.CHANGED, 0.1),
        RunFinished(Outcome.FAILED, 1, 0, 1, 9.0),
    )
    assert (told.kind, told.phase, told.step) == ("skip", "runtime", "not finished: 1 of 4 steps")


def test_a_run_that_ended_well_calls_everybody_done() -> None:
    """Nodes with fewer steps than were expected are done too, once the run is."""
    told = stands("w1", PhaseStarted("w1", "runtime", 2, 0), RunFinished(Outcome.OK, 0, 2, 0, 9.0))
    assert (told.kind, told.phase) == ("good", "done")


@pytest.mark.parametrize("failed", [True, False], ids=["failure", "no failure"])
def test_why_something_was_skipped(failed: bool) -> None:
    """Only where something failed is a failure blamed: a rehearsal skips the checks of a real cluster on purpose."""
    failure = StepFinished("cp1", "runtime", "file /etc/x", Outcome.FAILED, 0.1, "no space")
    told = stands("w1", *([failure] if failed else []), PhaseFinished("w1", "join", Outcome.SKIPPED, 0.0))
    assert (told.kind, told.step) == ("skip", "skipped: an earlier phase failed" if failed else "skipped")
