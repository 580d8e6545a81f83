"""Simulated hosts: what they keep, how they fail, and that they answer as real ones do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinstall.answers.load import parse
from kinstall.cluster import ClusterSpec, Networking, Node
from kinstall.engine.diff import pending
from kinstall.engine.steps import (
    Directory,
    Download,
    File,
    Image,
    Phase,
    Plan,
    Script,
    Step,
    Unit,
    Wait,
)
from kinstall.engine.undo_run import UndoResult, undo_all
from kinstall.errors import UsageError
from kinstall.preflight.judge import check_cluster, check_node, errors
from kinstall.simulation import Fault, Machine, World, bare_facts, parse_fault, store
from kinstall.simulation.checks import unknowable
from kinstall.simulation.host import FOLDERS, Disk
from kinstall.simulation.machine import subnet_of
from tests.unit.answers.generated_answers import generated_text
from tests.unit.engine.applying import STORE
from tests.unit.memory_host import MemoryHost, run_plan
from tests.unit.verify.cluster import SPEC as VERIFIED
from tests.unit.verify.cluster import FakeCluster

STEPS: tuple[Step, ...] = (
    Directory("/etc/x", 0o700),
    File("/etc/x/a", b"a", 0o600),
    Download("/usr/local/bin/runc", "https://x/runc", "a" * 64),
    Download("tools", "https://x/t.tgz", "b" * 64, members=(("bin/one", "/opt/t/one"), ("bin/two", "/opt/t/two"))),
    Image("registry.k8s.io/pause:3.10", STORE),
    Unit("a.service", ("/etc/x/a",)),
    Script("with a check", "check", "run"),
    Script("once", "", "run", inputs=("/etc/x/a",)),
    Script("takes away", "check", "run", removes=("/etc/x/old",)),
    Wait("until it is so", "check", 5),
)


def plan(*steps: Step) -> Plan:
    return Plan((Phase("a", {"n": steps}),), {"n": "worker"})


def test_every_step_type_is_brought_about_and_then_in_order() -> None:
    """Nothing is pending afterwards; what a script would remove was not there in the first place."""
    node = MemoryHost("n")
    result = run_plan(plan(*STEPS), {"n": node})
    assert result.failures == {} and (result.changed, result.ok) == (len(STEPS) - 2, 2)
    assert pending(STEPS, node.observe(STEPS)) == ()
    assert node.read(("/etc/x/a", "/nowhere")) == {"/etc/x/a": b"a"}


def test_what_says_something_else_is_done_again() -> None:
    """A changed file, a script with another text, a unit whose input changed, a thing to be removed that is there."""
    node = MemoryHost("n")
    run_plan(plan(*STEPS, File("/etc/x/old", b"")), {"n": node})
    node.applied = []
    changed = (
        File("/etc/x/a", b"b", 0o600),
        *(step for step in STEPS if step.id not in ("file /etc/x/a", "script with a check")),
        Script("with a check", "another check", "run"),
    )
    run_plan(plan(*changed), {"n": node})
    wanted = {"file /etc/x/a", "unit a.service", "script once", "script with a check", "script takes away"}
    assert set(node.applied) == wanted
    assert "/etc/x/old" not in node.disk.paths


def test_folders_and_files_come_first() -> None:
    """As in the program that a real node gets, whatever the order of the list."""
    node = MemoryHost("n")
    run_plan(plan(Script("s", "c", "r"), File("/etc/x/a", b""), Directory("/etc/x")), {"n": node})
    assert node.applied == ["directory /etc/x", "file /etc/x/a", "script s"]


def test_undoing_leaves_a_bare_host() -> None:
    """Files, folders, units and the record are gone; a second run has everything to do again."""
    node = MemoryHost("n")
    first = run_plan(plan(*STEPS), {"n": node}).changed
    assert undo_all({"n": node}, lambda event: None, run="r2") == UndoResult()
    assert set(node.disk.paths) == set(FOLDERS) and node.disk.record == () and node.disk.contents == {}
    assert run_plan(plan(*STEPS), {"n": node}, run="r3").changed == first


def test_hosts_are_kept_on_disk_and_drift_there_is_found(tmp_path: Path) -> None:
    """What comes back has nothing to do; a file that was changed or removed by hand has."""
    node = MemoryHost("n")
    run_plan(plan(*STEPS, File("/etc/x/b", b"b")), {"n": node})
    store.save(tmp_path / "kept", {"n": node.disk})
    assert (tmp_path / "kept").stat().st_mode & 0o77 == 0
    assert {path.stat().st_mode & 0o77 for path in tmp_path.rglob("*") if path.is_file()} == {0}
    node.disk = store.load(tmp_path / "kept")["n"]
    assert pending(STEPS, node.observe(STEPS)) == ()
    (tmp_path / "kept/n/etc/x/a").write_bytes(b"by hand")
    (tmp_path / "kept/n/etc/x/b").unlink()
    node.disk = store.load(tmp_path / "kept")["n"]
    todo = pending((*STEPS, File("/etc/x/b", b"b")), node.observe(STEPS))
    assert [item.step.id for item in todo if isinstance(item.step, File)] == ["file /etc/x/a", "file /etc/x/b"]
    store.save(tmp_path / "kept", {"n": Disk()})
    assert [path.name for path in (tmp_path / "kept").rglob("*") if path.is_file()] == ["n.json"]


def test_a_damaged_host_is_a_sentence(tmp_path: Path) -> None:
    """Its file is named, and the way to start again."""
    (tmp_path / "n.json").write_text(json.dumps({"paths": {}}))
    with pytest.raises(UsageError, match=r"n\.json does not hold a simulated host") as refused:
        store.load(tmp_path)
    assert "to start again" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("w1", "is not NODE:KIND"),
        ("w1:", "is not NODE:KIND"),
        ("w1:unreachable@", "is not NODE:KIND"),
        ("w9:unreachable", "w9 is not a node"),
        ("w1:hungry", "hungry is not a fault"),
        ("w1:unreachable@dinner", "dinner is not a phase"),
    ],
)
def test_a_fault_that_is_none_is_a_sentence(text: str, said: str) -> None:
    """What is wrong with it, and what there is."""
    with pytest.raises(UsageError, match=said):
        parse_fault(text, ["cp1", "w1"], ("images", "network"))


def test_a_fault_is_written_as_it_is_read() -> None:
    """Node, kind and phase."""
    for text in ("w1:unreachable", "w1:disk-full@images"):
        assert str(parse_fault(text, ["w1"], ("images",))) == text
    assert parse_fault("w1:slow-link", ["w1"], ()) == Fault("w1", "slow-link")


def facts_are_fit(spec: ClusterSpec) -> None:
    facts = {n.name: bare_facts(spec, n, Machine(), subnet_of(spec), Disk(), 1000.0) for n in spec.nodes}
    found = [f for n in spec.nodes for f in check_node(spec, n, facts[n.name], (1000.0, 1000.0))]
    assert errors([*found, *check_cluster(spec, facts)]) == []


@pytest.mark.parametrize("number", range(0, 200, 8))
def test_any_valid_answers_find_simulated_hosts_fit(number: int) -> None:
    """Preflight, the real one, has no error to tell of hosts whose description follows from the answers."""
    facts_are_fit(parse(generated_text(number)))


def test_nodes_far_apart_are_neighbours_all_the_same() -> None:
    """Where one network for all would lie over the pods' range, each has a route of its own to each."""
    nodes = (
        Node(name="a", address="10.1.0.1", role="control-plane"),
        Node(name="b", address="10.250.0.1", role="worker"),
    )
    spec = ClusterSpec(cluster_name="far", nodes=nodes, networking=Networking(pod_subnet="10.128.0.0/12"))
    assert subnet_of(spec) is None
    facts_are_fit(spec)


def test_the_checks_left_out_are_those_that_verify_makes() -> None:
    """By name and node: what is added to verify has to be added here."""
    from kinstall.verify import full, read_only

    made = {(each.check, each.node) for each in full(VERIFIED, FakeCluster().channels(), True, patience=0)}
    assert {(each.check, each.node) for each in unknowable(VERIFIED, full=True)} == made
    looked = {(each.check, each.node) for each in read_only(VERIFIED, FakeCluster().channels())}
    assert {(each.check, each.node) for each in unknowable(VERIFIED, full=False)} == looked


def test_a_world_keeps_its_hosts_between_sessions() -> None:
    """A new session sees what the last one left; its digests follow from the address."""
    world = World()
    one, other = world.session(VERIFIED), world.session(VERIFIED)
    assert one.checksums("https://a") == other.checksums("https://a") != one.checksums("https://b")
    world.disks["w1"].contents["/etc/x"] = b"kept"
    assert other.hosts["w1"].read(("/etc/x",)) == {"/etc/x": b"kept"}
