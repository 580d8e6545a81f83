"""The shared path of all front ends, over nodes in memory: what is kept, what is refused, what is told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from kinstall.changes import identity
from kinstall.engine.events import Event, OutputLine, RunFinished, RunStarted, StepFinished
from kinstall.engine.host import Host
from kinstall.engine.steps import File
from kinstall.errors import (
    Cancelled,
    InvalidAnswers,
    KinstallError,
    PreflightFailed,
    StepFailed,
    Unreachable,
    UsageError,
)
from kinstall.facts import NodeFacts, parse
from kinstall.findings import Finding, Severity
from kinstall.install import Options, plan_only, replay, reset
from kinstall.secrets import Secrets
from kinstall.session import Asked, Session
from kinstall.spec import CONTROL_PLANE, WORKER, ClusterSpec, Downloads, Networking, Node
from kinstall.state import StateFolder
from kinstall.transport.channel import discard
from tests.unit.memory_host import MemoryHost

RECORDED = (Path(__file__).parent / "recorded" / "debian12.txt").read_text().splitlines()
BASE = replace(parse(RECORDED), cgroup_version=2, nameservers=("192.0.2.53",))
PINS = dict.fromkeys(
    ("kubelet", "kubectl", "kube-proxy", "containerd-2.4.2-linux-amd64.tar.gz", "runc.amd64",
     "cni-plugins-linux-amd64-v1.9.1.tgz"),
    "a" * 64,
)  # fmt: skip
# Nothing is fetched: the operator's kubectl would come from a port where nobody listens.
SPEC = ClusterSpec(
    cluster_name="demo",
    downloads=Downloads(kubernetes="http://127.0.0.1:9", sha256=PINS),
    nodes=(
        Node(name="cp1", address="10.90.0.11", role=CONTROL_PLANE),
        Node(name="w1", address="10.90.0.12", role=WORKER),
        Node(name="w2", address="10.90.0.13", role=WORKER),
    ),
)


class Silent:
    """A channel for what the path runs besides steps: it remembers the programs."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.programs: list[str] = []

    def execute(
        self,
        program: str,
        payload: Iterable[bytes] = (),
        on_line: Callable[[str], None] = discard,
        timeout: float | None = None,
    ) -> int:
        self.programs.append(program)
        return 0

    def close(self) -> None: ...


def facts_of(node: Node) -> NodeFacts:
    """A good bare host at the node's address, its own machine."""
    last = int(node.address.rpartition(".")[2])
    own = tuple(
        (name, IPv4Interface(f"{node.address}/24") if str(address.ip) == "10.90.0.11" else address)
        for name, address in BASE.addresses
    )
    links = tuple(replace(link, mac=f"02:90:00:00:00:{last:02x}") for link in BASE.links)
    return replace(BASE, hostname=node.name, machine_id=f"{last:032x}", product_uuid="", addresses=own, links=links)


class World:
    """The nodes of a spec, in memory, and a session to them as the real one would be."""

    def __init__(self, folder: Path, spec: ClusterSpec = SPEC) -> None:
        self.folder = folder
        self.nodes = {node.name: MemoryHost(node.name) for node in spec.nodes}
        self.channels = {node.name: Silent(node.name) for node in spec.nodes}
        self.clusters: dict[str, Mapping[str, object]] = {}
        self.findings: list[Finding] = []
        self.events: list[Event] = []

    def session(self, spec: ClusterSpec) -> Session:
        world = self

        class Opened(Session):
            def ask(self) -> tuple[dict[str, Asked], list[Finding]]:
                asked = {}
                for node in spec.nodes:
                    known = world.clusters.get(node.name)
                    facts = replace(facts_of(node), cluster=known, recorded=known is not None)
                    asked[node.name] = Asked(replace(facts, clock=time.time()), (time.time(), time.time()))
                return asked, list(world.findings)

        for node in spec.nodes:
            self.nodes.setdefault(node.name, MemoryHost(node.name))
            self.channels.setdefault(node.name, Silent(node.name))
        opened = Opened(spec, Secrets(), self.channels)
        hosts: dict[str, Host] = {node.name: self.nodes[node.name] for node in spec.nodes}
        opened.hosts = hosts
        return opened

    def options(self) -> Options:
        self.events = []
        state = StateFolder(self.folder / "state")
        return Options(state=state, session=self.session, sink=self.events.append, verify=False)

    def remember(self, spec: ClusterSpec = SPEC) -> None:
        """From now on the nodes' facts say what the last run wrote there."""
        ranges = json.loads((self.folder / "state" / "nodes.json").read_text())
        for node in spec.nodes:
            step = next(s for s in self.nodes[node.name].applied if s == "file /var/lib/kinstall/cluster.json")
            assert step
            fingerprint = self.clusters.get("fingerprint", "")
            self.clusters[node.name] = identity(spec, node, str(fingerprint), ranges[node.name])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def files_below(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mode & 0o777, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def test_a_replay_brings_all_about_and_a_second_one_nothing(world: World) -> None:
    """The first and the last event frame the run with its totals; the second run writes no file of the state anew."""
    report = replay(SPEC, world.options())
    first, last = world.events[0], world.events[-1]
    started = next(event for event in world.events if isinstance(event, RunStarted))
    assert isinstance(last, RunFinished) and last.outcome == "changed" and last.failed == 0
    assert report.result.changed + report.result.ok == started.total == sum(started.totals.values())
    assert first is started or not isinstance(first, StepFinished)
    before = files_below(world.folder)
    again = replay(SPEC, world.options())
    assert again.result.changed == 0 and again.result.ok == started.total
    assert files_below(world.folder) == before
    assert len([e for e in world.events if isinstance(e, StepFinished)]) == started.total


def test_the_state_folder_is_private_and_has_what_the_operator_needs(world: World) -> None:
    """Answers, kubeconfigs, keys and ranges: everything for its owner only."""
    replay(SPEC, world.options())
    files = files_below(world.folder / "state")
    assert {mode for mode, _ in files.values()} <= {0o600, 0o644} and (
        world.folder / "state"
    ).stat().st_mode & 0o77 == 0
    for name in ("answers.yaml", "admin.conf", "super-admin.conf", "nodes.json", "pki/ca.key"):
        assert files[str(world.folder / "state" / name)][0] == 0o600, name


def test_errors_of_preflight_come_before_anything_is_changed(world: World) -> None:
    """No node is touched, and no key is made."""
    world.findings = [Finding("w1", "swap", Severity.ERROR, "swap is on", "swapoff -a")]
    with pytest.raises(PreflightFailed) as failed:
        replay(SPEC, world.options())
    assert any(finding.check == "swap" for finding in failed.value.findings)
    assert all(node.observed == 0 for node in world.nodes.values())
    assert not list((world.folder / "state" / "pki").iterdir())


def test_a_failed_step_is_the_runs_sentence(world: World) -> None:
    """Node, step and last words; the same command continues once it is mended."""
    world.nodes["w1"].faults["unit containerd.service"] = [1]
    with pytest.raises(StepFailed, match=r"w1: .*unit containerd\.service.*says why") as failed:
        replay(SPEC, world.options())
    assert failed.value.exit_code == 4 and "run the same command again" in failed.value.remedy
    assert isinstance(world.events[-1], RunFinished) and world.events[-1].outcome == "failed"
    cp1 = [e.step for e in world.events if isinstance(e, StepFinished) and e.node == "cp1" and e.outcome == "changed"]
    assert "script CoreDNS" in cp1, "a worker that fails does not keep the cluster from its DNS"
    assert replay(SPEC, world.options()).result.failures == {}


def test_a_node_that_cannot_be_asked_ends_the_run_before_it_begins(world: World) -> None:
    """The survey reaches all nodes, or nothing is changed on any."""

    def gone(*_: object, **__: object) -> object:
        raise Unreachable("w2", "no route")

    world.nodes["w2"].observe = gone  # type: ignore[method-assign, assignment]
    with pytest.raises(Unreachable):
        replay(SPEC, world.options())
    assert all(node.applied == [] for node in world.nodes.values())


def test_a_stopped_run_says_how_to_go_on(world: World) -> None:
    """Exit code 5, and nothing counted as failed."""
    options = world.options()
    world.nodes["cp1"].on_step = lambda step: options.cancel.set()
    with pytest.raises(Cancelled) as stopped:
        replay(SPEC, options)
    assert stopped.value.exit_code == 5 and "continues" in stopped.value.remedy


def test_fetching_ahead_ends_after_its_phase(world: World) -> None:
    """`--until images` starts no kubelet anywhere."""
    options = world.options()
    options.until = "images"
    replay(SPEC, options)
    done = {step for node in world.nodes.values() for step in node.applied}
    assert any(step.startswith("image ") for step in done) and "unit kubelet.service" not in done


def test_a_plan_changes_nothing_anywhere(world: World) -> None:
    """Not on the nodes, not in the state folder: the keys it plans with are thrown away."""
    _, changes = plan_only(SPEC, world.options())
    assert {change.node for change in changes} == {"cp1", "w1", "w2"} and len(changes) > 100
    assert all(node.applied == [] and node.owner == "" for node in world.nodes.values())
    assert not (world.folder / "state").exists()
    replay(SPEC, world.options())
    before = files_below(world.folder)
    assert plan_only(SPEC, world.options())[1] == [] and files_below(world.folder) == before


def test_no_secret_is_told(world: World) -> None:
    """Neither in an event nor in a planned change."""
    _, changes = plan_only(SPEC, world.options())
    replay(SPEC, world.options())
    told = "\n".join(map(repr, [*changes, *world.events]))
    key = (world.folder / "state" / "pki" / "ca.key").read_text().splitlines()[1]
    assert "PRIVATE KEY" not in told and key not in told
    assert not any(isinstance(event, OutputLine) for event in world.events)


def test_pod_ranges_stay_with_their_nodes(world: World) -> None:
    """Whatever the order of the list: a node's range is planned once."""
    replay(SPEC, world.options())
    before = json.loads((world.folder / "state" / "nodes.json").read_text())
    turned = replace(SPEC, nodes=(SPEC.nodes[0], SPEC.nodes[2], SPEC.nodes[1]))
    assert replay(turned, world.options()).result.failures == {}
    assert json.loads((world.folder / "state" / "nodes.json").read_text()) == before


def living(world: World) -> None:
    """The nodes have a cluster, and say so."""
    from assets.x509 import ca_fingerprint

    replay(SPEC, world.options())
    ca = (world.folder / "state" / "pki" / "ca.crt").read_bytes()
    world.clusters["fingerprint"] = ca_fingerprint(ca)  # type: ignore[assignment]
    world.remember()


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
    living(world)
    applied = {name: list(node.applied) for name, node in world.nodes.items()}
    with pytest.raises(InvalidAnswers, match=path):
        replay(changed, world.options())
    assert {name: node.applied for name, node in world.nodes.items()} == applied


def test_a_living_clusters_keys_are_never_made_anew(world: World) -> None:
    """With a lost state folder the run is refused, and the remedy names the way back."""
    living(world)
    (world.folder / "state").rename(world.folder / "lost")
    with pytest.raises(KinstallError, match="the cluster lives") as refused:
        replay(SPEC, world.options())
    assert "--recover-pki" in str(refused.value)


def test_keys_are_read_back_on_consent(world: World) -> None:
    """--recover-pki takes the authorities from the control plane; the nodes then need nothing new that matters."""
    living(world)
    kept = {
        step.path: step.content
        for step in _files_of(world, "cp1")
        if "/pki/" in step.path and ("ca." in step.path or "sa." in step.path)
    }
    (world.folder / "state").rename(world.folder / "lost")
    world.nodes["cp1"].read = lambda paths: {path: kept[path] for path in paths if path in kept}  # type: ignore[method-assign]
    options = world.options()
    options.recover_pki = True
    replay(SPEC, options)
    assert (world.folder / "state/pki/ca.key").read_bytes() == (world.folder / "lost/pki/ca.key").read_bytes()


def _files_of(world: World, node: str) -> list[File]:
    """The files that the last plan had for a node."""
    from kinstall.install import prepare

    options = world.options()
    with world.session(SPEC) as session:
        asked, _ = session.ask()
        plan = prepare(session, options, asked, options.state.pki, run="").plan
    return [step for _, step in plan.of(node) if isinstance(step, File)]


def test_reset_undoes_and_forgets(world: World) -> None:
    """All nodes: nothing is recorded there any more, and the ranges are free again; the keys stay."""
    replay(SPEC, world.options())
    assert reset(SPEC, world.options(), [node.name for node in SPEC.nodes]) == {}
    assert all(node.seen.record == () for node in world.nodes.values())
    assert json.loads((world.folder / "state" / "nodes.json").read_text()) == {}
    assert (world.folder / "state" / "pki" / "ca.key").exists()
    assert isinstance(world.events[-1], RunFinished) and world.events[-1].changed == 3


def test_resetting_one_node_leaves_the_others(world: World) -> None:
    """It is taken out of the cluster first, its range is free, the rest is not touched."""
    replay(SPEC, world.options())
    assert reset(SPEC, world.options(), ["w2"]) == {}
    assert world.nodes["w1"].seen.record != () and world.nodes["w2"].seen.record == ()
    assert sorted(json.loads((world.folder / "state" / "nodes.json").read_text())) == ["cp1", "w1"]
    assert any("delete node" in program and "w2" in program for program in world.channels["cp1"].programs)


def test_a_node_whose_reset_failed_keeps_its_range(world: World) -> None:
    """It may still run pods: its sentence says what could not be undone."""
    replay(SPEC, world.options())
    world.nodes["w1"].faults["kubelet.service"] = [1]
    failures = reset(SPEC, world.options(), [node.name for node in SPEC.nodes])
    assert list(failures) == ["w1"] and "kubelet.service" in failures["w1"]
    assert list(json.loads((world.folder / "state" / "nodes.json").read_text())) == ["w1"]


def test_resetting_a_stranger_is_refused(world: World) -> None:
    """A name that the answers do not have is a slip of the hand."""
    with pytest.raises(UsageError, match="w9 is no node"):
        reset(SPEC, world.options(), ["w9"])
