"""Reset over nodes in memory: what is undone, what is forgotten, what is kept."""

from __future__ import annotations

import json
import threading

import pytest

from kinstall.engine.events import RunFinished
from kinstall.errors import (
    Cancelled,
    UsageError,
)
from tests.unit.operations.world import World


def test_reset_undoes_and_forgets(world: World) -> None:
    """All nodes: nothing is recorded there any more, and the ranges are free again; the keys stay."""
    world.replay()
    assert world.reset() == {}
    assert all(node.disk.record == () for node in world.nodes.values())
    assert json.loads((world.folder / "state" / "nodes.json").read_text()) == {}
    assert (world.folder / "state" / "pki" / "ca.key").exists()
    assert isinstance(world.events[-1], RunFinished) and world.events[-1].changed == 3


def test_resetting_one_node_leaves_the_others(world: World) -> None:
    """It is taken out of the cluster first, its range is free, the rest is not touched."""
    world.replay()
    assert world.reset(["w2"]) == {}
    assert world.nodes["w1"].disk.record != () and world.nodes["w2"].disk.record == ()
    assert sorted(json.loads((world.folder / "state" / "nodes.json").read_text())) == ["cp1", "w1"]
    assert any("delete node" in program and "w2" in program for program in world.programs["cp1"])


def test_a_node_whose_reset_failed_keeps_its_range(world: World) -> None:
    """It may still run pods: its sentence says what could not be undone."""
    world.replay()
    world.nodes["w1"].faults["kubelet.service"] = [1]
    failures = world.reset()
    assert list(failures) == ["w1"] and "kubelet.service" in failures["w1"]
    assert list(json.loads((world.folder / "state" / "nodes.json").read_text())) == ["w1"]


def test_a_reset_that_is_stopped_keeps_what_it_did_not_undo(world: World) -> None:
    """Cancelled before a node's turn: exit 5, the last event says so, and the ranges of what is left are kept."""
    world.replay()
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled, match="cp1, w1, w2") as stopped:
        world.reset(cancel=cancel)
    assert stopped.value.exit_code == 5 and "the same command continues" in stopped.value.remedy
    assert isinstance(world.events[-1], RunFinished) and world.events[-1].outcome == "cancelled"
    assert sorted(json.loads((world.folder / "state" / "nodes.json").read_text())) == ["cp1", "w1", "w2"]
    assert world.reset() == {}


def test_resetting_a_stranger_is_refused(world: World) -> None:
    """A name that the answers do not have is a slip of the hand."""
    with pytest.raises(UsageError, match="not in these answers: w9"):
        world.reset(["w9"])
