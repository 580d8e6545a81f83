"""The shared path of all front ends, over nodes in memory: what is kept, and what is reported."""

from __future__ import annotations

import tempfile
import threading

import pytest

from kinstall.engine.events import OutputLine, RunFinished, RunStarted, StepFinished
from kinstall.errors import (
    Cancelled,
    PreflightFailed,
    StepFailed,
    Unreachable,
)
from kinstall.operations.plan import plan_only
from kinstall.simulation import Machine
from tests.unit.operations.world import SPEC, World, files_below


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
