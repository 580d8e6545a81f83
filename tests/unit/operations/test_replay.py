"""The shared path of all front ends, over nodes in memory: what is kept, what is refused, what is reported."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kinstall.cluster import CONTROL_PLANE, WORKER, ClusterSpec, ComponentOverrides, Networking, Node
from kinstall.engine.events import Event, Notice, OutputLine, RunFinished, RunStarted, StepFinished
from kinstall.engine.host import Host
from kinstall.errors import (
    Cancelled,
    InvalidAnswers,
    KinstallError,
    PreflightFailed,
    StepFailed,
    Unreachable,
    UsageError,
)
from kinstall.operations.options import Options, Report
from kinstall.operations.plan import plan_only
from kinstall.operations.replay import replay
from kinstall.operations.reset import reset
from kinstall.simulation import Machine, SimulatedSession
from kinstall.simulation import World as SimulatedWorld
from kinstall.state.folder import StateFolder
from kinstall.transport.channel import discard
from tests.unit.memory_host import MemoryHost

SPEC = ClusterSpec(
    cluster_name="demo",
    nodes=(
        Node(name="cp1", address="10.90.0.11", role=CONTROL_PLANE),
        Node(name="w1", address="10.90.0.12", role=WORKER),
        Node(name="w2", address="10.90.0.13", role=WORKER),
    ),
)
NAMES = tuple(node.name for node in SPEC.nodes)


def api_node(name: str, *addresses: str, managers: Sequence[str] = ("kubelet", "kinstall")) -> dict[str, Any]:
    """A Node object as `kubectl get nodes -o json` prints it."""
    return {
        "metadata": {"name": name, "managedFields": [{"manager": each} for each in managers]},
        "status": {"addresses": [{"type": "InternalIP", "address": each} for each in addresses]},
    }


class World(SimulatedWorld):
    """The nodes of a spec, in memory; `programs`: what the last session ran on them besides steps; `api`: the
    Node objects that the cluster's API has."""

    def __init__(self, folder: Path, spec: ClusterSpec = SPEC) -> None:
        super().__init__()
        self.folder = folder
        self.nodes = {node.name: MemoryHost(node.name) for node in spec.nodes}
        self.programs: dict[str, list[str]] = {}
        self.events: list[Event] = []
        self.api: list[dict[str, Any]] = []

    def host(self, name: str, given_up: threading.Event) -> Host:
        node = self.nodes.setdefault(name, MemoryHost(name))
        self.disks[name] = node.disk
        return node

    def session(self, spec: ClusterSpec) -> SimulatedSession:
        opened = super().session(spec)
        self.programs = {name: channel.programs for name, channel in opened.channels.items()}
        for channel in opened.channels.values():
            channel.execute = self._answering(channel.execute)  # type: ignore[method-assign]
        return opened

    def _answering(self, execute: Callable[..., int]) -> Callable[..., int]:
        def answer(program: str, *rest: Any, on_line: Callable[[str], None] = discard, **more: Any) -> int:
            if "get nodes" in program:
                on_line(json.dumps({"items": self.api}))
            return execute(program, *rest, **more)

        return answer

    def options(self, **more: Any) -> Options:
        state = StateFolder(self.folder / "state")
        return Options(state=state, session=self.session, verify=False, **more)

    def replay(self, spec: ClusterSpec = SPEC, cancel: threading.Event | None = None, **more: Any) -> Report:
        """Replay with these options; `events` are then those of this run."""
        self.events = []
        return replay(spec, self.options(**more), self.events.append, cancel=cancel)

    def reset(self, nodes: Sequence[str] = NAMES, cancel: threading.Event | None = None) -> dict[str, str]:
        self.events = []
        return reset(SPEC, self.options(), nodes, self.events.append, cancel)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def files_below(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mode & 0o777, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def test_a_replay_brings_all_about_and_a_second_one_nothing(world: World) -> None:
    """The first and the last event frame the run with its totals; the second run writes no file of the state again."""
    report = world.replay()
    first, last = world.events[0], world.events[-1]
    started = next(event for event in world.events if isinstance(event, RunStarted))
    assert isinstance(last, RunFinished) and last.outcome == "changed" and last.failed == 0
    assert report.result.changed + report.result.ok == started.total == sum(started.totals.values())
    assert first is started or not isinstance(first, StepFinished)
    before = files_below(world.folder)
    again = world.replay()
    assert again.result.changed == 0 and again.result.ok == started.total
    assert files_below(world.folder) == before
    assert len([e for e in world.events if isinstance(e, StepFinished)]) == started.total


def test_the_state_folder_is_private_and_has_what_the_operator_needs(world: World) -> None:
    """Answers, kubeconfigs, keys and ranges: everything for its owner only."""
    world.replay()
    files = files_below(world.folder / "state")
    assert {mode for mode, _ in files.values()} <= {0o600, 0o644} and (
        world.folder / "state"
    ).stat().st_mode & 0o77 == 0
    for name in ("answers.yaml", "admin.conf", "super-admin.conf", "nodes.json", "pki/ca.key"):
        assert files[str(world.folder / "state" / name)][0] == 0o600, name


def test_errors_of_preflight_come_before_anything_is_changed(world: World) -> None:
    """No node is touched, and no key is made."""
    world.machine = Machine(memory=512)
    with pytest.raises(PreflightFailed) as failed:
        world.replay()
    assert any(finding.check == "memory" and finding.node == "cp1" for finding in failed.value.findings)
    assert all(node.observed == 0 for node in world.nodes.values())
    assert not list((world.folder / "state" / "pki").iterdir())


def test_a_failed_step_is_the_runs_sentence(world: World) -> None:
    """Node, step and last words; the same command continues once it is fixed."""
    world.nodes["w1"].faults["unit containerd.service"] = [1]
    with pytest.raises(StepFailed, match=r"w1: .*unit containerd\.service.*says why") as failed:
        world.replay()
    assert failed.value.exit_code == 4 and "run the same command again" in failed.value.remedy
    assert isinstance(world.events[-1], RunFinished) and world.events[-1].outcome == "failed"
    cp1 = [e.step for e in world.events if isinstance(e, StepFinished) and e.node == "cp1" and e.outcome == "changed"]
    assert "script CoreDNS" in cp1, "a worker that fails does not keep the cluster from its DNS"
    assert world.replay().result.failures == {}


def test_a_node_that_cannot_be_asked_ends_the_run_before_it_begins(world: World) -> None:
    """The survey reaches all nodes, or nothing is changed on any."""

    def gone(*_: object, **__: object) -> object:
        raise Unreachable("w2", "no route")

    world.nodes["w2"].observe = gone  # type: ignore[method-assign, assignment]
    with pytest.raises(Unreachable):
        world.replay()
    assert all(node.applied == [] for node in world.nodes.values())


def test_a_stopped_run_says_how_to_go_on(world: World) -> None:
    """Exit code 5, and nothing counted as failed."""
    cancel = threading.Event()
    world.nodes["cp1"].on_step = lambda step: cancel.set()
    with pytest.raises(Cancelled) as stopped:
        world.replay(cancel=cancel)
    assert stopped.value.exit_code == 5 and "continues" in stopped.value.remedy


def test_fetching_ahead_ends_after_its_phase(world: World) -> None:
    """`--until images` starts no kubelet anywhere."""
    world.replay(until="images")
    done = {step for node in world.nodes.values() for step in node.applied}
    assert any(step.startswith("image ") for step in done) and "unit kubelet.service" not in done


def test_a_plan_changes_nothing_anywhere(world: World) -> None:
    """Not on the nodes, not in the state folder: the keys it plans with are thrown away."""
    _, changes = plan_only(SPEC, world.options())
    assert {change.node for change in changes} == {"cp1", "w1", "w2"} and len(changes) > 100
    assert all(node.applied == [] and node.owner == "" for node in world.nodes.values())
    assert not (world.folder / "state").exists()
    world.replay()
    before = files_below(world.folder)
    assert plan_only(SPEC, world.options())[1] == [] and files_below(world.folder) == before


def test_a_plan_copies_no_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy in /tmp would stay when the program is killed: it plans with keys in memory, without a temporary file."""
    world.replay()
    monkeypatch.setattr(tempfile, "tempdir", str(world.folder / "not there"))
    assert plan_only(SPEC, world.options())[1] == []


def test_no_secret_is_reported(world: World) -> None:
    """Neither in an event nor in a planned change."""
    _, changes = plan_only(SPEC, world.options())
    world.replay()
    text = "\n".join(map(repr, [*changes, *world.events]))
    key = (world.folder / "state" / "pki" / "ca.key").read_text().splitlines()[1]
    assert "PRIVATE KEY" not in text and key not in text
    assert not any(isinstance(event, OutputLine) for event in world.events)


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


def silence(world: World, *names: str) -> None:
    """These nodes do not answer any more."""

    def read(paths: object) -> dict[str, bytes]:
        raise Unreachable("it", "no route")

    for name in names:
        world.nodes[name].read = read  # type: ignore[method-assign]


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


def rewrite(world: World, node: str, **changes: Any) -> None:
    """Whoever has the node changes its record; None takes a key away."""
    path = "/var/lib/kinstall/cluster.json"
    record = {**json.loads(world.disks[node].contents[path]), **changes}
    kept = {key: value for key, value in record.items() if value is not None}
    world.disks[node].contents[path] = json.dumps(kept).encode()


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
