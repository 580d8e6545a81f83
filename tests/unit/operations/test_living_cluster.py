"""A replay of a cluster that is there already: what is refused, what stays with its node, whom nobody believes."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from kinstall.cluster import WORKER, ClusterSpec, ComponentOverrides, Networking, Node
from kinstall.engine.events import Notice, RunFinished
from kinstall.errors import (
    InvalidAnswers,
    KinstallError,
    PreflightFailed,
    Unreachable,
)
from kinstall.operations.plan import plan_only
from tests.unit.memory_host import MemoryHost
from tests.unit.operations.world import SPEC, World, api_node, rewrite, silence


def test_pod_ranges_stay_with_their_nodes(world: World) -> None:
    """Whatever the order of the list: a node's range is planned once."""
    world.replay()
    before = json.loads((world.folder / "state" / "nodes.json").read_text())
    turned = replace(SPEC, nodes=(SPEC.nodes[0], SPEC.nodes[2], SPEC.nodes[1]))
    assert world.replay(turned).result.failures == {}
    assert json.loads((world.folder / "state" / "nodes.json").read_text()) == before


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        (replace(SPEC, networking=Networking(service_subnet="10.97.0.0/16")), "networking.serviceSubnet"),
        (replace(SPEC, networking=Networking(pod_subnet="10.200.0.0/16")), "networking.podSubnet"),
        (replace(SPEC, nodes=SPEC.nodes[:2]), "w2"),
    ],
)
def test_what_cannot_change_under_a_living_cluster_is_refused_by_name(
    world: World, changed: ClusterSpec, path: str
) -> None:
    """Before anything runs."""
    world.replay()
    applied = {name: list(node.applied) for name, node in world.nodes.items()}
    with pytest.raises(InvalidAnswers, match=path):
        world.replay(changed)
    assert {name: node.applied for name, node in world.nodes.items()} == applied


def test_a_workstation_that_never_saw_the_cluster_asks_its_api_for_the_nodes(world: World) -> None:
    """With only the answers and the keys: a node that moved or is missing is refused all the same; nodes that
    others added to the cluster do not concern the answers. One that has seen it does not ask."""
    world.replay()
    world.api = [
        api_node("cp1", "10.90.0.11"),
        api_node("w1", "10.90.0.12", "fd00::12"),
        api_node("w2"),
        api_node("w8", "10.9.0.9", managers=["kubelet"]),
    ]
    assert world.replay().result.changed == 0
    assert not any("get nodes" in program for program in world.programs["cp1"])
    for name in ("nodes.json", "answers.yaml"):
        (world.folder / "state" / name).unlink()
    moved = replace(SPEC, nodes=(SPEC.nodes[0], replace(SPEC.nodes[1], address="10.90.0.77")))
    world.nodes["w1"], world.disks["w1"] = (fresh := MemoryHost("w1")), fresh.disk
    with pytest.raises(InvalidAnswers) as refused:
        world.replay(moved)
    assert [problem.path for problem in refused.value.problems] == ["nodes", "nodes[1].address"]
    assert "w2 belongs to the cluster" in refused.value.problems[0].message
    assert "w1 was set up at 10.90.0.12" in refused.value.problems[1].message


def test_a_worker_that_does_not_answer_is_left_alone(world: World) -> None:
    """The others of a living cluster are brought up to date; the run names it, ends with exit code 4, and touches
    nothing of it. Once it answers again the same command does what is left."""
    world.replay()
    w2, before = world.nodes["w2"], (world.folder / "state" / "nodes.json").read_bytes()
    silence(world, "w2")
    for node in world.nodes.values():
        node.applied, node.observed = [], 0
    tuned = replace(SPEC, components=replace(SPEC.components, kubelet=ComponentOverrides(config={"maxPods": 50})))
    with pytest.raises(Unreachable, match="w2: no answer: left alone") as ended:
        world.replay(tuned)
    assert ended.value.exit_code == 4 and "the same command" in ended.value.remedy
    assert world.nodes["cp1"].applied and world.nodes["w1"].applied
    assert (w2.applied, w2.observed) == ([], 0)
    assert (world.folder / "state" / "nodes.json").read_bytes() == before
    notices = [event.message for event in world.events if isinstance(event, Notice)]
    assert any(each.startswith("w2: ssh: ") and "is left alone" in each for each in notices)
    last = world.events[-1]
    assert isinstance(last, RunFinished) and last.outcome == "failed" and "w2" in last.message
    assert not any(change.node == "w2" for change in plan_only(tuned, world.options())[1])
    del w2.read
    assert world.replay(tuned).result.failures == {} and w2.applied


@pytest.mark.parametrize("silent", [("cp1",), ("cp1", "w1")])
def test_without_a_control_plane_nothing_is_done(world: World, silent: tuple[str, ...]) -> None:
    """A run that the API cannot end well does not begin."""
    world.replay()
    silence(world, *silent)
    with pytest.raises(PreflightFailed) as failed:
        world.replay()
    assert {each.node for each in failed.value.findings if each.severity == "error"} == set(silent)


def test_a_new_node_that_does_not_answer_ends_the_run(world: World) -> None:
    """It does not belong to the cluster yet: it is there to be set up, or it is a slip of the hand."""
    world.replay()
    grown = replace(SPEC, nodes=(*SPEC.nodes, Node(name="w3", address="10.90.0.14", role=WORKER)))
    world.host("w3", threading.Event())
    silence(world, "w3")
    with pytest.raises(PreflightFailed) as failed:
        world.replay(grown)
    assert [each.node for each in failed.value.findings if each.severity == "error"] == ["w3"]


@pytest.mark.parametrize("lie", ["10.244.9.0/24", "192.0.2.0/24", "10.244.0.0/24", "no range", None])
def test_the_state_folders_ranges_count_and_not_a_nodes(world: World, lie: str | None) -> None:
    """A worker's record with another range, another node's, or none: a finding names it, and no node's range moves."""
    world.replay()
    ranges = json.loads((world.folder / "state" / "nodes.json").read_text())
    assert lie not in ranges.values() or ranges["cp1"] == lie
    rewrite(world, "w1", podCIDR=lie)
    assert world.replay().result.failures == {}
    assert json.loads((world.folder / "state" / "nodes.json").read_text()) == ranges
    notices = [event.message for event in world.events if isinstance(event, Notice)]
    assert any(notice.startswith("w1: cluster: its record") and ranges["w1"] in notice for notice in notices)
    assert not any("w2" in notice or "cp1:" in notice for notice in notices)


def test_a_range_that_nobody_knows_is_an_error_of_its_node(world: World) -> None:
    """Without the state folder's ranges a record that does not say its own is refused by name, never guessed at."""
    world.replay()
    (world.folder / "state" / "nodes.json").unlink()
    rewrite(world, "w1", podCIDR=None)
    with pytest.raises(PreflightFailed) as failed:
        world.replay()
    errors = [(each.node, each.check) for each in failed.value.findings if each.severity == "error"]
    assert errors == [("w1", "cluster")]


def test_taints_are_noted_where_no_kubelet_can_write(world: World) -> None:
    """What an earlier version noted on the Node objects is read once, where the control plane has no note yet; of it
    only what is a taint. From then on the Node objects are not asked."""
    world.replay()
    control_plane, path = world.disks["cp1"], "/var/lib/kinstall/taints"
    role = "node-role.kubernetes.io/control-plane=:NoSchedule"
    assert control_plane.contents[path].decode() == f"cp1 {role}\n"
    del control_plane.contents[path], control_plane.paths[path]
    before = api_node("w1", "10.90.0.12")
    before["metadata"]["annotations"] = {"kinstall/taints": "old=:NoExecute --kubeconfig=/tmp/evil"}
    world.api = [api_node("cp1", "10.90.0.11"), before]
    world.replay()
    assert control_plane.contents[path].decode() == f"cp1 {role}\nw1 old=:NoExecute\n"
    assert any("get nodes" in program for program in world.programs["cp1"])
    before["metadata"]["annotations"] = {"kinstall/taints": "forged=:NoExecute"}
    world.replay()
    assert "forged" not in control_plane.contents[path].decode()
    assert not any("get nodes" in program for program in world.programs["cp1"])


def test_a_living_clusters_keys_are_never_made_again(world: World) -> None:
    """With a lost state folder the run is refused, and the remedy names the way back."""
    world.replay()
    (world.folder / "state").rename(world.folder / "lost")
    with pytest.raises(KinstallError, match="the cluster is running") as refused:
        world.replay()
    assert "--recover-pki" in str(refused.value)


def test_keys_are_read_back_on_consent(world: World) -> None:
    """--recover-pki takes the authorities from the control plane; the nodes then need nothing new that matters."""
    world.replay()
    (world.folder / "state").rename(world.folder / "lost")
    world.replay(recover_pki=True)
    assert (world.folder / "state/pki/ca.key").read_bytes() == (world.folder / "lost/pki/ca.key").read_bytes()


@pytest.mark.parametrize("plan", [False, True])
def test_etcd_passes_3_6_11_before_3_7(world: World, plan: bool) -> None:
    """A replay and a plan that would put 3.7 on a living 3.6.8 are refused with exit code 3 and the way; the way leads
    there; and back to 3.6 there is none."""
    old = replace(SPEC, kubernetes_version="1.36.3", images=replace(SPEC.images, etcd="3.6.8-0"))
    world.replay(old)
    new = replace(SPEC, kubernetes_version="1.37.2")
    applied = {name: list(node.applied) for name, node in world.nodes.items()}
    with pytest.raises(PreflightFailed) as refused:
        plan_only(new, world.options()) if plan else world.replay(new)
    (finding,) = [each for each in refused.value.findings if each.severity == "error"]
    assert (finding.node, finding.check) == ("cp1", "etcd") and refused.value.exit_code == 3
    assert "etcd 3.6.8 runs here, and 3.7.1 takes over from 3.6.11 or later only" in finding.message
    assert finding.remedy == "set images.etcd: 3.6.14-0 and run replay; then remove it and run replay again"
    assert {name: node.applied for name, node in world.nodes.items()} == applied
    world.replay(replace(new, images=replace(SPEC.images, etcd="3.6.14-0")))
    world.replay(new)
    with pytest.raises(PreflightFailed) as back:
        world.replay(replace(new, images=replace(SPEC.images, etcd="3.6.14-0")))
    assert any("etcd 3.7.1 runs here and cannot go back to 3.6.14" in each.message for each in back.value.findings)
