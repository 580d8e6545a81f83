"""Phases whose nodes work in batches: how the nodes are grouped, the order, failures, cancelling."""

from __future__ import annotations

import threading

import pytest

from kinstall.engine.events import Event, PhaseFinished, PhaseStarted
from kinstall.engine.steps import After, Phase, Plan, Script, Share, Step
from tests.unit.memory_host import MemoryHost, Quick, ends, run_plan, starts

NODES = ("n1", "n2", "n3", "n4", "n5")


def phase(name: str, *after: After, batch: int | Share | None = None) -> Phase:
    return Phase(name, {node: (Script(name, "check", "run"),) for node in NODES}, after, batch)


def plan(*phases: Phase) -> Plan:
    return Plan(phases, dict.fromkeys(NODES, "worker"))


def hosts() -> dict[str, MemoryHost]:
    return {name: MemoryHost(name) for name in NODES}


@pytest.mark.parametrize(
    ("batch", "sizes"),
    [
        (None, [5]),
        (1, [1, 1, 1, 1, 1]),
        (2, [2, 2, 1]),
        (9, [5]),
        (Share(50), [2, 2, 1]),
        (Share(1), [1, 1, 1, 1, 1]),
        (Share(100), [5]),
    ],
)
def test_batches_are_in_the_order_of_the_nodes(batch: int | Share | None, sizes: list[int]) -> None:
    """A share is rounded down, to one node at least; every node is in exactly one batch."""
    batches = phase("a", batch=batch).batches()
    assert [len(each) for each in batches] == sizes
    assert [node for each in batches for node in each] == list(NODES)


def test_a_batch_of_nothing_is_refused() -> None:
    """Neither a number nor a share below one makes sense, nor more than all."""
    assert Phase("nobody", {}, batch=1).batches() == ()
    with pytest.raises(ValueError, match="0 nodes"):
        phase("a", batch=0)
    for percent in (0, 101):
        with pytest.raises(ValueError, match=f"{percent} %"):
            Share(percent)


@pytest.mark.parametrize("batch", [1, 2, Share(40)])
def test_a_batch_begins_when_the_one_before_has_ended(batch: int | Share) -> None:
    """No node starts the phase before all nodes of earlier batches have finished it; the phase before has no order."""
    events: list[Event] = []
    batched = phase("b", After("a"), batch=batch)
    assert run_plan(plan(phase("a"), batched), hosts(), events).failures == {}
    order = [(type(e), e.node) for e in events if isinstance(e, (PhaseStarted, PhaseFinished)) and e.phase == "b"]
    assert len(order) == 2 * len(NODES)
    for node in NODES:
        for earlier in batched.earlier_batches(node):
            assert order.index((PhaseFinished, earlier)) < order.index((PhaseStarted, node))


def test_the_nodes_of_a_batch_work_at_once() -> None:
    """Two of a batch of two meet in the phase."""
    nodes, both = hosts(), threading.Barrier(2)

    def meet(step: Step) -> None:
        both.wait(10)

    for name in ("n1", "n2"):
        nodes[name].on_step = meet
    assert run_plan(plan(phase("a", batch=2)), nodes).failures == {}


def test_a_failure_stops_the_batches_after_it() -> None:
    """Those of the same batch go on; later batches are skipped, and what waits for the phase with them."""
    nodes, events = hosts(), list[Event]()
    nodes["n3"].faults["script a"] = [1]
    result = run_plan(plan(phase("a", batch=2), phase("b", After("a"))), nodes, events)
    assert list(result.failures) == ["n3"]
    outcomes = {node: ends(events)["a", node] for node in NODES}
    assert outcomes == {"n1": "changed", "n2": "changed", "n3": "failed", "n4": "changed", "n5": "skipped"}
    assert ends(events)["b", "n1"] == "changed" and ends(events)["b", "n5"] == "skipped"
    assert nodes["n5"].applied == []


def test_a_node_that_failed_before_stops_the_batches_after_it() -> None:
    """It did not end the phase well, whatever the reason."""
    nodes, events = hosts(), list[Event]()
    nodes["n1"].faults["script a"] = [1]
    run_plan(plan(phase("a"), phase("b", After("a"), batch=1)), nodes, events)
    assert {ends(events)["b", node] for node in NODES} == {"skipped"}


def test_cancelling_stops_the_batches_that_have_not_begun() -> None:
    """The node at work ends its step; those that wait for it wake up and are skipped."""
    nodes, events, cancel = hosts(), list[Event](), Quick()

    def stop(step: Step) -> None:
        cancel.set()

    nodes["n2"].on_step = stop
    result = run_plan(plan(phase("a", batch=1)), nodes, events, cancel=cancel)
    assert result.cancelled and result.failures == {}
    assert [node for _, node in starts(events)] == ["n1", "n2"]
    assert {ends(events)["a", node] for node in ("n3", "n4", "n5")} == {"skipped"}


def test_a_later_batch_looks_again_at_what_an_earlier_one_may_have_changed() -> None:
    """Its survey is from before; a phase without batches trusts it."""
    for batch, looks in ((None, 1), (1, 2)):
        nodes = hosts()
        run_plan(plan(phase("a", batch=batch)), nodes)
        assert (nodes["n1"].observed, nodes["n5"].observed) == (1, looks)
