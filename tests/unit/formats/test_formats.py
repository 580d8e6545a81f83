"""What earlier versions wrote is read: records, cluster.json, state folders, run logs and answers of format 1.

The files in `format_1` were written on real hosts by the first version whose clusters have to be read for good; of the
run's log only the output lines were left out. A format that follows gets a folder of its own beside it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kinstall.answers import load
from kinstall.cluster.immutable import identity, immutable_changes, newer_format
from kinstall.engine import record
from kinstall.engine.record import Kind
from kinstall.errors import InvalidAnswers, NewerFormat
from kinstall.report import read_log, spec_of_run
from kinstall.state.folder import StateFolder
from screens.draft.draft import Draft

FORMAT_1 = Path(__file__).parent / "format_1"
NODES = ("cp1", "w1")
HTTP, HTTPS = "http://10.90.0.1:5000", "https://10.90.0.1:5000"


def over_tls() -> str:
    """The answers, with the mirror's endpoint as it is accepted today."""
    text = (FORMAT_1 / "state" / "answers.yaml").read_text()
    assert HTTP in text
    return text.replace(HTTP, HTTPS)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A copy of the state folder, private as kinstall leaves it."""
    shutil.copytree(FORMAT_1 / "state", tmp_path / "demo")
    for path in (tmp_path / "demo", *(tmp_path / "demo").rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return StateFolder(tmp_path / "demo")


@pytest.mark.parametrize("node", NODES)
def test_every_line_of_a_record_is_read(node: str) -> None:
    """No change of an earlier version is left out: each would stay on the node for ever."""
    lines = (FORMAT_1 / node / "record").read_text().splitlines()
    entries = record.parse(lines)
    assert len(entries) == len(lines) > 30
    assert {entry.kind for entry in entries} == set(Kind)
    assert [entry.line() for entry in entries] == lines


@pytest.mark.parametrize("node", NODES)
def test_the_same_answers_change_nothing_that_cannot_change(node: str) -> None:
    """cluster.json and answers of the same run agree, and are written in the same way today."""
    recorded = json.loads((FORMAT_1 / node / "cluster.json").read_text())
    spec = load.parse(over_tls())
    assert newer_format(recorded) == ""
    assert immutable_changes(recorded, spec, spec.node(node)) == []
    assert identity(spec, spec.node(node), recorded["caFingerprint"], recorded["podCIDR"]) == recorded


def test_a_changed_answer_is_noticed() -> None:
    """The comparison above can fail: another pod range under the same cluster is refused."""
    recorded = json.loads((FORMAT_1 / "cp1" / "cluster.json").read_text())
    text = over_tls() + "networking: {podSubnet: 10.200.0.0/16}\n"
    spec = load.parse(text, "answers.yaml")
    assert [problem.path for problem in immutable_changes(recorded, spec, spec.node("cp1"))] == ["networking.podSubnet"]


def test_a_state_folder_is_read(state: StateFolder) -> None:
    """The planned ranges, whether all checks passed, and the answers of the last run."""
    state.check()
    assert state.read_nodes() == {"cp1": "10.244.0.0/24", "w1": "10.244.1.0/24", "w2": "10.244.2.0/24"}
    assert state.verified.exists()
    assert load.load(state.answers, to_remove=True).cluster_name == "demo"


def test_a_run_log_is_read(state: StateFolder) -> None:
    """Its report names the cluster, all phases and nodes, and that it ended well."""
    (log,) = state.runs.iterdir()
    run = read_log(log.read_text().splitlines())
    assert run.started is not None and run.finished is not None
    assert (run.started.cluster, len(run.started.nodes), len(run.started.phases)) == ("demo", 3, 8)
    assert not run.finished.failed


def test_a_draft_is_read() -> None:
    """Half-filled work is an answers text, under the same apiVersion."""
    draft = Draft.parse(over_tls())
    assert not draft.problems and len(draft.spec.nodes) == 3


def test_a_mirror_over_http_is_the_only_answer_that_is_refused_today(state: StateFolder) -> None:
    """Nothing verifies its images: one problem that says what to write; the cluster can be reset and reported."""
    with pytest.raises(InvalidAnswers) as caught:
        load.load(state.answers)
    (problem,) = caught.value.problems
    assert "images.digests has no digest for registry.k8s.io/kube-apiserver:v1.37.2" in problem.message
    assert "https://" in problem.remedy
    spec = spec_of_run(state)
    assert spec is not None and len(spec.nodes) == 3


def test_a_state_folder_of_a_newer_kinstall_is_refused_by_name(state: StateFolder) -> None:
    """Nothing is guessed at: the folder, its format and the way out are named."""
    state.format.write_text("2\n")
    state.format.chmod(0o600)
    with pytest.raises(NewerFormat) as caught:
        state.check()
    assert str(state.path) in caught.value.what and "format 2" in caught.value.what
    assert "newer" in caught.value.remedy


def test_a_node_of_a_newer_kinstall_is_refused_by_name() -> None:
    """cluster.json that names a later format."""
    recorded = json.loads((FORMAT_1 / "cp1" / "cluster.json").read_text())
    assert newer_format({**recorded, "format": 1}) == ""
    assert newer_format({**recorded, "format": 2}) == "2"
