"""The runner over nodes in memory: order, failures, retries, cancelling."""

from __future__ import annotations

import random
import threading

import pytest

from kinstall.engine.events import Event, Notice, OutputLine, PhaseFinished, PhaseStarted, StepFinished
from kinstall.engine.run import RunResult, for_each, survey_node
from kinstall.engine.steps import After, File, Phase, Plan, Scope, Script, Step, Unit, Wait
from kinstall.errors import KinstallError, Unreachable
from kinstall.simulation import SimulatedHost
from tests.unit.memory_host import MemoryHost, Quick, ends, run_plan, starts

NODES = ("cp", "w1", "w2")


def script(name: str) -> Script:
    return Script(name, "check", "run")


def phase(name: str, *after: After, nodes: tuple[str, ...] = NODES) -> Phase:
    return Phase(name, {node: (script(f"{name} one"), script(f"{name} two")) for node in nodes}, after)


def plan(*phases: Phase) -> Plan:
    return Plan(phases, dict.fromkeys(NODES, "worker"))


def hosts(*names: str) -> dict[str, MemoryHost]:
    return {name: MemoryHost(name) for name in names or NODES}


THREE = plan(
    phase("a"),
    phase("b", After("a"), nodes=("cp",)),
    phase("c", After("a"), After("b", Scope.ALL)),
    phase("d", After("c", Scope.SETTLED), nodes=("cp",)),
)


def test_everything_is_done_once_and_then_nothing() -> None:
    """The counts are of steps; a second run finds all of them in order and asks each node once."""
    nodes, events = hosts(), list[Event]()
    result = run_plan(THREE, nodes, events)
    assert (result.changed, result.ok, result.failed, result.failures) == (16, 0, 0, {})
    assert set(ends(events).values()) == {"changed"} and len(ends(events)) == 8
    for node in nodes.values():
        node.observed, node.applied = 0, []
    again = run_plan(THREE, nodes)
    assert (again.changed, again.ok) == (0, 16)
    assert [(node.observed, node.applied) for node in nodes.values()] == [(1, [])] * 3


def test_a_phase_waits_for_those_it_names() -> None:
    """Nothing starts before what it waits for has ended there, where it must have."""
    events: list[Event] = []
    run_plan(THREE, hosts(), events)
    order = [(type(e).__name__, e.phase, e.node) for e in events if isinstance(e, (PhaseStarted, PhaseFinished))]
    for node in NODES:
        assert order.index(("PhaseFinished", "b", "cp")) < order.index(("PhaseStarted", "c", node))
        assert order.index(("PhaseFinished", "c", node)) < order.index(("PhaseStarted", "d", "cp"))


def test_nodes_do_not_wait_for_one_another_without_need() -> None:
    """A node goes on while another is still in the phase before."""
    nodes = hosts("cp", "w1")
    far = threading.Event()

    def slow(step: Step) -> None:
        if step.id == "script a one":
            assert far.wait(10), "w1 waited for cp"

    nodes["cp"].on_step = slow
    nodes["w1"].on_step = lambda step: far.set() if step.id == "script b two" else None
    two = Plan((phase("a", nodes=("cp", "w1")), phase("b", After("a"), nodes=("cp", "w1"))))
    assert run_plan(two, nodes).failures == {}


def test_a_failed_step_ends_its_node_with_the_cause() -> None:
    """The node's later steps and phases are left out; its sentence names node, step and last words."""
    nodes, events = hosts(), list[Event]()
    nodes["w1"].faults["script a one"] = [3]
    result = run_plan(plan(phase("a"), phase("b", After("a"))), nodes, events)
    assert result.failures == {"w1": "w1: script a one: script a one says why"}
    assert result.outcome == "failed" and (result.changed, result.failed) == (8, 1)
    assert nodes["w1"].applied == []
    assert ends(events)["b", "w1"] == "skipped" and ends(events)["b", "cp"] == "changed"
    assert any(isinstance(event, OutputLine) and event.node == "w1" for event in events)


@pytest.mark.parametrize(("scope", "expected"), [(Scope.ALL, "skipped"), (Scope.SETTLED, "changed")])
def test_what_a_failed_node_means_to_others_is_the_phases_choice(scope: Scope, expected: str) -> None:
    """`all` wants success everywhere; `settled` goes on when every node has ended."""
    nodes, events = hosts(), list[Event]()
    nodes["w1"].faults["script a two"] = [1]
    run_plan(plan(phase("a"), phase("b", After("a", scope), nodes=("cp",))), nodes, events)
    assert ends(events)["b", "cp"] == expected


def test_settled_still_wants_success_on_the_own_node() -> None:
    """A phase never builds on its own node's failure."""
    nodes, events = hosts(), list[Event]()
    nodes["cp"].faults["script a two"] = [1]
    run_plan(plan(phase("a"), phase("b", After("a", Scope.SETTLED), nodes=("cp",))), nodes, events)
    assert ends(events)["b", "cp"] == "skipped"


def test_a_broken_connection_is_made_again() -> None:
    """The node is asked anew, what was done already is not done twice, and each step counts once."""
    nodes, events = hosts(), list[Event]()
    nodes["w1"].faults["script a two"] = [Unreachable("w1", "link lost"), Unreachable("w1", "link lost")]
    result = run_plan(plan(phase("a")), nodes, events)
    assert result.failures == {} and nodes["w1"].applied == ["script a one", "script a two"]
    assert (result.changed, result.ok, result.failed) == (6, 0, 0)
    assert [e.message for e in events if isinstance(e, Notice)] == ["link lost; trying again"] * 2


def test_a_node_that_stays_away_is_unreachable() -> None:
    """After three attempts its sentence says so; the others finish."""
    nodes, events = hosts(), list[Event]()
    nodes["w1"].faults["script a one"] = [Unreachable("w1", "no route") for _ in range(3)]
    result = run_plan(plan(phase("a"), phase("b", After("a"))), nodes, events)
    assert result.failures == {"w1": "w1: no route"}
    assert ends(events)["a", "w1"] == "unreachable" and ends(events)["b", "w2"] == "changed"


def test_a_bug_on_one_node_is_a_sentence_not_a_hang() -> None:
    """An unexpected exception ends its node like any failure."""
    nodes = hosts()
    nodes["cp"].faults["script b one"] = [ValueError("boom")]
    result = run_plan(THREE, nodes)
    assert result.failures == {"cp": "cp: b: internal error: ValueError('boom')"}


def test_a_sink_that_fails_hangs_nobody() -> None:
    """A node whose events cannot be told ends, and those that wait for it are told so."""

    class Broken(list[Event]):
        def append(self, event: Event) -> None:
            if isinstance(event, PhaseFinished) and event.node == "cp":
                raise OSError("no room")
            super().append(event)

    result = run_plan(THREE, hosts(), Broken())
    assert "no room" in result.failures["cp"]


def test_cancelling_stops_at_the_next_step() -> None:
    """The step that runs ends, nothing later begins, and the result says cancelled without a failure."""
    nodes, cancel = hosts(), Quick()

    def stop(step: Step) -> None:
        if step.id == "script b one":
            cancel.set()
            while nodes["cp"].owner == "r1":
                threading.Event().wait(0.001)

    nodes["cp"].on_step = stop
    result = run_plan(THREE, nodes, cancel=cancel)
    assert result.cancelled and result.failures == {} and result.outcome == "cancelled"
    assert nodes["cp"].applied == ["script a one", "script a two", "script b one"]
    assert "script b one" not in nodes["w1"].applied and not any("script c" in s for s in nodes["w1"].applied)


def test_nobody_waits_for_a_cancel_after_the_end() -> None:
    """A wizard makes many runs: each leaves as many threads as it found."""
    before = set(threading.enumerate())
    run_plan(THREE, hosts(), cancel=threading.Event())
    for thread in set(threading.enumerate()) - before:
        thread.join(5.0)
        assert not thread.is_alive(), thread


def test_cancelling_while_a_node_is_asked_is_not_forgotten() -> None:
    """A stop that comes between asking and applying holds: the phase does not begin."""
    cancel = Quick()

    class Asked(MemoryHost):
        def apply(self, work: object, listener: object) -> bool:
            cancel.set()
            while self.owner == "r1":
                threading.Event().wait(0.001)
            return super().apply(work, listener)  # type: ignore[arg-type]

    node = Asked("cp")
    result = run_plan(plan(phase("a", nodes=("cp",))), {"cp": node}, cancel=cancel)
    assert result.cancelled and node.applied == []


def test_a_node_taken_over_by_another_run_says_so() -> None:
    """It is no cancelling of ours: the node's sentence names the other run."""
    nodes = hosts("cp")

    def taken(step: Step) -> None:
        nodes["cp"].owner = "another"

    nodes["cp"].on_step = taken
    result = run_plan(plan(phase("a", nodes=("cp",))), nodes)
    assert "another run took this node over" in result.failures["cp"]


@pytest.mark.parametrize("until", ["a", "b", "c"])
def test_until_ends_every_node_after_that_phase(until: str) -> None:
    """Also on nodes that have no part in it: nothing later runs anywhere."""
    nodes, events = hosts(), list[Event]()
    assert run_plan(THREE, nodes, events, until=until).failures == {}
    assert {name for name, _ in starts(events)} == set("abcd"[: "abcd".index(until) + 1])


def test_a_wait_never_counts_as_a_change() -> None:
    """A cluster that needed a moment is not a cluster that was changed."""
    node, events = MemoryHost("cp"), list[Event]()
    result = run_plan(Plan((Phase("a", {"cp": (Wait("w", "c", 1),)}),)), {"cp": node}, events)
    assert (result.changed, result.ok) == (0, 1) and ends(events)["a", "cp"] == "ok"


def test_a_change_in_one_phase_restarts_a_unit_of_a_later_one() -> None:
    """Units follow their inputs through the whole node, and only those."""

    def with_content(content: bytes) -> Plan:
        return Plan(
            (
                Phase("files", {"cp": (File("/a", content), File("/b", b"same"))}),
                Phase("units", {"cp": (Unit("a.service", ("/a",)), Unit("b.service", ("/b",)))}, (After("files"),)),
            )
        )

    node = MemoryHost("cp")
    run_plan(with_content(b"1"), {"cp": node})
    node.applied = []
    result = run_plan(with_content(b"2"), {"cp": node})
    assert node.applied == ["file /a", "unit a.service"] and result.changed == 2


def test_a_phase_that_waits_for_other_nodes_looks_again() -> None:
    """What others changed may be what it sees: its survey is old by then."""
    nodes = hosts("cp", "w1")
    two = Plan(
        (
            Phase("a", {"w1": (script("a"),)}),
            Phase("b", {"cp": (script("b"),)}, (After("a", Scope.ALL),)),
        )
    )
    surveys = {name: survey_node(two, host, "r1") for name, host in nodes.items()}
    nodes["w1"].on_step = lambda step: SimulatedHost.bring_about(nodes["cp"], script("b"), ())
    result = run_plan(two, nodes, surveys=surveys)
    assert nodes["cp"].applied == [] and (result.changed, result.ok) == (1, 1)


def random_plan(dice: random.Random) -> tuple[Plan, dict[str, MemoryHost]]:
    """Some nodes, phases that wait for earlier ones in any way, and faults anywhere."""
    names = [f"n{i}" for i in range(dice.randint(1, 5))]
    phases: list[Phase] = []
    for index in range(dice.randint(1, 7)):
        on = tuple(name for name in names if dice.random() < 0.7)
        earlier = dice.sample(phases, dice.randint(0, len(phases)))
        after = tuple(After(each.name, dice.choice(list(Scope))) for each in earlier)
        phases.append(phase(f"p{index}", *after, nodes=on))
    made = {name: MemoryHost(name) for name in names}
    for name in names:
        if dice.random() < 0.4:
            step = f"script p{dice.randrange(len(phases))} {dice.choice(('one', 'two'))}"
            faults: list[list[int | Exception]] = [[1], [RuntimeError("bug")], [Unreachable(name, "gone")]]
            made[name].faults[step] = dice.choice([*faults, [Unreachable(name, "gone")] * 3])
    return Plan(tuple(phases), dict.fromkeys(names, "worker")), made


@pytest.mark.parametrize("seed", range(80))
def test_no_plan_hangs_whatever_fails_where(seed: int) -> None:
    """Each phase of each node ends exactly once, never before what it waits for, and a clean second run repairs."""
    dice = random.Random(seed)
    drawn, nodes = random_plan(dice)
    events: list[Event] = []
    result = run_plan(drawn, nodes, events, parallel=dice.randint(1, 4))
    finished = [(e.phase, e.node) for e in events if isinstance(e, PhaseFinished)]
    assert sorted(finished) == sorted((p.name, node) for p in drawn.phases for node in p.steps)
    check_order(drawn, events)
    check_counts(drawn, events, result)
    for node in nodes.values():
        node.faults.clear()
    assert run_plan(drawn, nodes).failures == {}
    assert run_plan(drawn, nodes).changed == 0


def check_order(drawn: Plan, events: list[Event]) -> None:
    by_name = {each.name: each for each in drawn.phases}
    ended: dict[tuple[str, str], bool] = {}
    for event in events:
        if isinstance(event, PhaseFinished):
            ended[event.phase, event.node] = event.outcome in ("ok", "changed")
        elif isinstance(event, PhaseStarted):
            for after in by_name[event.phase].after:
                on = by_name[after.phase].steps
                if event.node in on:
                    assert ended[after.phase, event.node]
                if after.scope is not Scope.NODE:
                    assert all((after.phase, node) in ended for node in on)
                if after.scope is Scope.ALL:
                    assert all(ended[after.phase, node] for node in on)


def check_counts(drawn: Plan, events: list[Event], result: RunResult) -> None:
    failed = [e for e in events if isinstance(e, StepFinished) and e.outcome == "failed"]
    assert len(failed) == result.failed
    assert result.changed + result.ok + result.failed <= drawn.total()
    if not result.failures and not any(value == "skipped" for value in ends(events).values()):
        assert result.changed + result.ok == drawn.total()


def test_work_on_all_nodes_gives_each_its_result() -> None:
    """Expected errors and bugs stand in the result's place; the order is the nodes' own."""

    def work(host: object) -> str:
        name = host.name  # type: ignore[attr-defined]
        if name == "cp":
            raise Unreachable("cp", "gone")
        if name == "w1":
            raise ValueError("boom")
        return str(name)

    results = for_each(hosts(), work, 2)
    assert list(results) == list(NODES) and results["w2"] == "w2"
    assert isinstance(results["cp"], Unreachable)
    assert isinstance(results["w1"], KinstallError) and "boom" in str(results["w1"])
