"""The examples' programs, run for real in every sh that a node may have, on a node that has nothing of a cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kinstall.engine.diff import Action, Pending, entries_for, pending
from kinstall.engine.host import ShellHost
from kinstall.engine.observation import Observation
from kinstall.engine.record import undo_order
from kinstall.engine.steps import Download, File, Image, Step, Unit
from tests.golden.making import names
from tests.unit.engine.applying import Heard
from tests.unit.local_node import LocalNode, start
from tests.unit.shell import SHELLS, plans, shell


@pytest.fixture(params=SHELLS)
def node(request: pytest.FixtureRequest) -> Iterator[LocalNode]:
    """With a network, processes and control groups of its own: what clean-up looks for it finds nowhere."""
    made = start(own_network=True, shell=shell(request.param), alone=True)
    yield made
    made.close()


def steps_of(example: str) -> Iterator[tuple[Step, ...]]:
    plan = plans()[example][1]
    for name in plan.nodes:
        yield tuple(step for _, step in plan.of(name))


@pytest.mark.parametrize("example", names())
def test_a_bare_node_is_observed(node: LocalNode, example: str) -> None:
    """Every check runs, changes nothing, and finds nothing there: all but what takes something away is to be done."""
    for steps in steps_of(example):
        seen = ShellHost("local", node).observe(steps)
        assert seen.marks == {} and seen.record == () and seen.images is None
        left = {item.step for item in pending(steps, seen)}
        assert not [step for step in steps if step not in left and isinstance(step, (Download, File, Image, Unit))]
    assert not node.path("/var/lib/kinstall").exists() and not node.path("/run/kinstall").exists()


@pytest.mark.parametrize("example", names())
def test_undoing_where_nothing_is_left_succeeds(node: LocalNode, example: str) -> None:
    """Each entry's code runs and ends well on a node where nothing was brought about, or where it is gone already."""
    for steps in steps_of(example):
        host, heard = ShellHost("local", node), Heard()
        host.observe((), "reset")
        entries = entries_for([Pending(step, Action.CREATE) for step in steps], Observation())
        assert host.undo(undo_order(entries), "reset", heard), heard.words
        assert {status for _, status in heard.ends} == {0}
