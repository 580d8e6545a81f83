"""Undoing on several nodes at once: what is told, what fails, and how it is stopped."""

from __future__ import annotations

import threading

import pytest

from kinstall.engine.events import Event, PhaseFinished, StepFinished
from kinstall.engine.record import Entry
from kinstall.engine.steps import File, Phase, Plan
from kinstall.engine.undo_run import undo_all
from kinstall.errors import Unreachable
from kinstall.simulation import Trouble
from tests.unit.memory_host import MemoryHost, run_plan

NODES = ("cp", "w1", "w2")
FILES = ("/mnt/a", "/mnt/b", "/mnt/c")


@pytest.fixture
def nodes() -> dict[str, MemoryHost]:
    """Nodes with a few files of ours."""
    made = {name: MemoryHost(name) for name in NODES}
    run_plan(Plan((Phase("a", {name: tuple(File(path, b"x") for path in FILES) for name in NODES}),)), made)
    return made


def test_each_step_is_told_and_failures_are_kept_apart(nodes: dict[str, MemoryHost]) -> None:
    """A node that cannot be undone, or reached, gets its sentence; the others are undone."""
    events: list[Event] = []
    nodes["w1"].faults["/mnt/a"] = [1]
    nodes["w2"].faults["/mnt/a"] = [Unreachable("w2", "gone")]
    undone = undo_all(nodes, events.append, run="r2")
    assert sorted(undone.failures) == ["w1", "w2"] and "could not undo file /mnt/a" in undone.failures["w1"]
    assert undone.stopped == set()
    assert nodes["cp"].disk.record == () and nodes["w1"].disk.record != ()


def test_it_is_stopped_at_the_next_step_and_goes_on_later(
    nodes: dict[str, MemoryHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step that it is in ends, no other begins, nodes whose turn has not come are not touched; nothing counts as a
    failure. The next time the rest is undone."""
    cancel, stopped = threading.Event(), threading.Event()
    events: list[Event] = []

    def interrupted(entry: Entry) -> Trouble | None:
        cancel.set()
        assert stopped.wait(10)
        return None

    def stop(run: str) -> None:
        MemoryHost.stop(nodes["cp"], run)
        stopped.set()

    monkeypatch.setattr(nodes["cp"], "undoing", interrupted)
    monkeypatch.setattr(nodes["cp"], "stop", stop)
    undone = undo_all(nodes, events.append, run="r2", cancel=cancel, parallel=1)
    assert (undone.failures, undone.stopped) == ({}, set(NODES))
    assert [event.step for event in events if isinstance(event, StepFinished)] == ["file /mnt/c"]
    assert [(e.node, e.outcome) for e in events if isinstance(e, PhaseFinished)] == [("cp", "cancelled")]
    assert all(node.disk.record != () for node in nodes.values())
    monkeypatch.undo()
    assert undo_all(nodes, events.append, run="r3").stopped == set()
    assert all(node.disk.record == () and "/mnt/a" not in node.disk.paths for node in nodes.values())


def test_another_run_that_takes_a_node_over_is_a_failure(nodes: dict[str, MemoryHost]) -> None:
    """Nobody here stopped it: the node is not as it was before, and that is said."""
    nodes["w1"].undoing = lambda entry: setattr(nodes["w1"], "owner", "another")  # type: ignore[method-assign]
    undone = undo_all(nodes, lambda event: None, run="r2")
    assert list(undone.failures) == ["w1"] and undone.stopped == set()
