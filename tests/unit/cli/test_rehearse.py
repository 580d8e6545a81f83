"""`kinstall rehearse` as a user types it: a whole run without a host, and what goes wrong in it when told to."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kinstall.cli import main
from kinstall.cli.rehearse import example
from tests.unit.cli.test_cli import Ended

ANSWERS = """\
apiVersion: kinstall/v1
kubernetesVersion: 1.37.2
clusterName: demo
nodes:
  - {name: cp1, address: 10.90.0.11, role: control-plane}
  - {name: w1, address: 10.90.0.12, role: worker}
"""

Type = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state home of one's own, and no network at all."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a rehearsal reached for the network")

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    (tmp_path / "demo.yaml").write_text(ANSWERS)
    return tmp_path


@pytest.fixture
def rehearse(home: Path, capsys: pytest.CaptureFixture[str]) -> Type:
    def typed(*words: str) -> Ended:
        code = main.main(["rehearse", *words])
        return Ended(code, *capsys.readouterr())

    return typed


def events(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def failed(ended: Ended) -> list[tuple[str, str, str, str]]:
    """(node, phase, step, message) of all that failed."""
    told = [e for e in events(ended) if e["event"] == "stepFinished" and e["outcome"] == "failed"]
    return [(e["node"], e["phase"], e["step"], e["message"]) for e in told]


def test_without_answers_an_example_is_played(rehearse: Type, home: Path) -> None:
    """One control plane and two workers; every phase is told, checks are left out honestly, and nothing is kept."""
    assert sorted(node.role for node in example().nodes) == ["control-plane", "worker", "worker"]
    ended = rehearse()
    assert ended.code == 0 and "This was a rehearsal: no host was touched." in ended.out
    for phase in ("prepare", "download", "runtime", "images", "kubernetes", "control-plane", "network", "addons"):
        assert f"{phase}: changed in" in ended.out
    assert "verify: skipped" in ended.out and "19 checks skipped: rehearsal: only a real cluster shows it" in ended.out
    assert not (home / "state").exists()


def test_quiet_says_only_how_it_ended_and_what_failed(rehearse: Type) -> None:
    """For cron and CI: a good run is one line and the checks; of a bad one, the step that failed and its cause."""
    good = rehearse("--quiet").out.splitlines()
    assert [line for line in good if re.match(r" *\d+\.\d s ", line)] == [good[3]] and " done: " in good[3]
    bad = rehearse("--quiet", "--fault", "w1:disk-full@images")
    lines = [line for line in bad.out.splitlines() if re.match(r" *\d+\.\d s ", line)]
    assert any("FAILED" in line and "w1" in line for line in lines) and len(lines) <= 4, bad.out


def test_the_run_is_a_replays(rehearse: Type, home: Path) -> None:
    """The same events with the same totals; each check is left out with the reason, none is called ok."""
    told = events(rehearse(str(home / "demo.yaml"), "--output", "json"))
    started = next(e for e in told if e["event"] == "runStarted")
    assert (started["command"], started["cluster"]) == ("rehearse", "demo")
    assert set(started["nodes"]) == {"cp1", "w1"}
    last = told[-1]
    assert (last["event"], last["outcome"], last["failed"]) == ("runFinished", "changed", 0)
    assert last["changed"] + last["ok"] == started["total"] > 120
    checks = [e for e in told if e["event"] == "stepFinished" and e["phase"] == "verify"]
    assert len(checks) > 20
    assert {(e["outcome"], e["message"]) for e in checks} == {("skipped", "rehearsal: only a real cluster shows it")}


def test_twice_on_the_same_hosts_changes_nothing(rehearse: Type, home: Path) -> None:
    """With --state the hosts are kept; a changed answer then shows as what it would change, and nothing else."""
    words = (str(home / "demo.yaml"), "--state", str(home / "kept"), "--output", "json")
    assert events(rehearse(*words))[-1]["changed"] > 120
    again = events(rehearse(*words))[-1]
    assert (again["changed"], again["outcome"]) == (0, "ok")
    (home / "demo.yaml").write_text(ANSWERS + "components: {kubelet: {config: {maxPods: 50}}}\n")
    changed = [
        (e["node"], e["step"]) for e in events(rehearse(*words)) if e.get("outcome") == "changed" and "step" in e
    ]
    assert sorted(changed) == sorted(
        (node, step) for node in ("cp1", "w1") for step in ("file /var/lib/kubelet/config.yaml", "unit kubelet.service")
    )


def test_the_files_are_those_of_a_real_node(rehearse: Type, home: Path) -> None:
    """Rendered for real, where the hosts are kept: certificates, manifests, units."""
    rehearse(str(home / "demo.yaml"), "--state", str(home / "kept"))
    control_plane, worker = home / "kept/simulated/cp1", home / "kept/simulated/w1"
    assert "kube-apiserver" in (control_plane / "etc/kubernetes/manifests/kube-apiserver.yaml").read_text()
    ours = (home / "kept/pki/ca.crt").read_bytes()
    assert (worker / "etc/kubernetes/pki/ca.crt").read_bytes() == ours
    assert not (worker / "etc/kubernetes/pki/ca.key").exists()


def test_a_node_out_of_reach_from_the_start_is_preflights_error(rehearse: Type, home: Path) -> None:
    """Exit code 3, nothing begun."""
    ended = rehearse(str(home / "demo.yaml"), "--fault", "w1:unreachable")
    assert ended.code == 3 and "no answer within" in ended.err and "prepare" not in ended.out


@pytest.mark.parametrize("phase", ["images", "control-plane"])
def test_a_node_that_goes_away_fails_alone(rehearse: Type, home: Path, phase: str, quick: None) -> None:
    """Exit code 4 after three attempts; from the phase on, also where the node itself has no part in that phase."""
    ended = rehearse(str(home / "demo.yaml"), "--fault", f"w1:unreachable@{phase}", "--output", "json")
    told = events(ended)
    assert ended.code == 4
    assert len([e for e in told if e["event"] == "notice" and "trying again" in e["message"]]) == 2
    ends = {(e["node"], e["phase"]): e["outcome"] for e in told if e["event"] == "phaseFinished"}
    assert ends["w1", {"images": "images", "control-plane": "network"}[phase]] == "unreachable"
    assert ends["cp1", "control-plane"] == "changed"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between attempts are not what these tests are about."""
    monkeypatch.setattr("kinstall.engine.run.PAUSE", 0.001)


@pytest.mark.parametrize(
    ("fault", "phase", "step", "cause"),
    [
        ("w1:disk-full", "download", "download /usr/local/bin/kubelet", "the disk is full; make room"),
        ("w1:disk-full@images", "images", "image registry.k8s.io/pause", "the disk is full; make room"),
        ("w1:disk-full@kubernetes", "kubernetes", "file /etc/kubernetes/pki/ca.crt", "the disk is full; make room"),
        ("w1:wrong-checksum", "download", "download /usr/local/bin/kubelet", "is not the file that the digest names"),
    ],
)
def test_a_fault_ends_with_its_cause(rehearse: Type, home: Path, fault: str, phase: str, step: str, cause: str) -> None:
    """Exit code 4, the step, and the very sentence that a real node's last words become; mended, it goes on."""
    words = (str(home / "demo.yaml"), "--state", str(home / "kept"), "--output", "json")
    ended = rehearse(*words, "--fault", fault)
    ((node, where, what, why),) = failed(ended)
    assert ended.code == 4 and (node, where) == ("w1", phase) and what.startswith(step) and cause in why
    again = rehearse(*words)
    assert again.code == 0 and 0 < events(again)[-1]["changed"] < 120


def test_a_slow_link_ends_well_and_later(rehearse: Type, home: Path) -> None:
    """Nothing fails; the node takes seconds where the other takes none."""
    ended = rehearse(str(home / "demo.yaml"), "--fault", "w1:slow-link@network", "--output", "json")
    assert ended.code == 0
    seconds = {
        e["node"]: e["seconds"] for e in events(ended) if e["event"] == "phaseFinished" and e["phase"] == "network"
    }
    assert seconds["w1"] >= 0.5 and seconds["w1"] > seconds["cp1"]


def test_a_fault_that_strikes_nothing_is_told(rehearse: Type, home: Path) -> None:
    """A rehearsal that went well although a fault was wanted must not be taken for proof."""
    words = (str(home / "demo.yaml"), "--state", str(home / "kept"))
    rehearse(*words)
    ended = rehearse(*words, "--fault", "w1:wrong-checksum")
    assert ended.code == 0 and "w1:wrong-checksum had no effect" in ended.out


def test_until_ends_after_its_phase(rehearse: Type, home: Path) -> None:
    """As replay's."""
    told = events(rehearse(str(home / "demo.yaml"), "--until", "images", "--output", "json"))
    assert {e["phase"] for e in told if "phase" in e} == {"prepare", "download", "runtime", "images"}


def test_a_clusters_state_folder_is_never_taken(rehearse: Type, home: Path) -> None:
    """Neither a real one for a rehearsal, nor a rehearsal's for real hosts."""
    real = home / "real"
    (real / "pki").mkdir(parents=True)
    real.chmod(0o700)
    (real / "pki").chmod(0o700)
    before = sorted(real.rglob("*"))
    ended = rehearse(str(home / "demo.yaml"), "--state", str(real))
    assert ended.code == 2 and "something other than a rehearsal" in ended.err and sorted(real.rglob("*")) == before
    rehearse(str(home / "demo.yaml"), "--state", str(home / "kept"))
    assert main.main(["plan", str(home / "demo.yaml"), "--state", str(home / "kept")]) == 2


def test_secrets_are_neither_read_nor_asked_for(rehearse: Type, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that refer to secrets can be rehearsed by who has none of them."""
    monkeypatch.setattr("kinstall.secrets.getpass.getpass", lambda text: pytest.fail("asked"))
    (home / "demo.yaml").write_text(ANSWERS + 'ssh: {user: ops, password: "prompt:", sudoPassword: "env:NOT_SET"}\n')
    assert rehearse(str(home / "demo.yaml")).code == 0
