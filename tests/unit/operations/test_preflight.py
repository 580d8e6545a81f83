"""When the shared path tries the ways between nodes: at the first replay all, later only those of new nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kinstall.cluster import CONTROL_PLANE, WORKER, ClusterSpec, Node
from kinstall.connectivity import Attempt, Connection, Matrix, Result
from kinstall.errors import PreflightFailed
from kinstall.operations.options import Options
from kinstall.operations.plan import plan_only
from kinstall.operations.preflight import preflight
from kinstall.operations.replay import replay
from kinstall.simulation import SimulatedSession, World
from kinstall.state.folder import StateFolder

SPEC = ClusterSpec(
    cluster_name="demo",
    nodes=(
        Node(name="cp1", address="10.90.0.11", role=CONTROL_PLANE),
        Node(name="w1", address="10.90.0.12", role=WORKER),
    ),
)
W2 = Node(name="w2", address="10.90.0.13", role=WORKER)


class Between:
    """`tried` are the pairs of nodes of each time, `result` is what comes of all ways to w1."""

    def __init__(self) -> None:
        self.world = World()
        self.tried: list[set[frozenset[str]]] = []
        self.result = Result.OPEN

    def reach(self, session: SimulatedSession, connections: Sequence[Connection], mtus: Mapping[str, int]) -> Matrix:
        self.tried.append({frozenset((want.source, want.target)) for want in connections})
        attempts = (Attempt(want, self.result if want.target == "w1" else Result.OPEN) for want in connections)
        return Matrix(tuple(attempts), {}, mtus)


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Between:
    """Between simulated nodes."""
    between = Between()
    monkeypatch.setattr(SimulatedSession, "reach", lambda *all_of_it: between.reach(*all_of_it))
    return between


@pytest.fixture
def options(between: Between, tmp_path: Path) -> Options:
    return Options(
        state=StateFolder(tmp_path), session=between.world.session, secrets=between.world.secrets, verify=False
    )


def test_a_replay_tries_only_the_ways_of_new_nodes(between: Between, options: Options) -> None:
    """All of them at first, none when nothing is new, and a third node's both ways when it comes."""
    replay(SPEC, options)
    replay(SPEC, options)
    assert between.tried == [{frozenset(("cp1", "w1"))}]
    replay(replace(SPEC, nodes=(*SPEC.nodes, W2)), options)
    assert between.tried[1:] == [{frozenset(("cp1", "w2")), frozenset(("w1", "w2"))}]


def test_preflight_tries_every_way_also_of_a_living_cluster(between: Between, options: Options) -> None:
    """Somebody asks for it: a filter that came later is found."""
    replay(SPEC, options)
    between.result = Result.DROPPED
    result = preflight(between.world.session(SPEC), options.state)
    blocked = [each.node for each in result.findings if each.check == "peers" and each.severity == "error"]
    assert blocked == ["w1"]
    assert {each.connection.source for each in result.matrix.blocked} == {"cp1"}


def test_a_blocked_way_ends_a_first_replay_before_anything_is_changed(between: Between, options: Options) -> None:
    """Of a replay and of a plan; nothing is on any node."""
    between.result = Result.REFUSED
    for run in (replay, plan_only):
        with pytest.raises(PreflightFailed) as failed:
            run(SPEC, options)
        assert any("10250/tcp (kubelet): refused from cp1" in finding.message for finding in failed.value.findings)
    assert all(not disk.contents for disk in between.world.disks.values())


def test_one_node_has_nobody_to_reach(between: Between, options: Options) -> None:
    """Nothing is tried, and nothing is said."""
    replay(replace(SPEC, nodes=SPEC.nodes[:1]), options)
    assert between.tried == []
