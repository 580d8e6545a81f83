"""Cause, not a time-out: real last words of daemons, and the sentence each becomes."""

import os
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from kinstall.diagnosis.explain import KNOWN, MAX_LINES, clean, diagnose_program, explain, find
from tests.unit.shell import SHELLS, shell


def _cases() -> Iterator[tuple[str, str]]:
    """(evidence as the node prints it, words of the explanation)."""
    lines = (Path(__file__).with_name("last-words.txt")).read_text().splitlines()
    for evidence, words in pairwise(lines):
        if words.startswith("=> "):
            yield evidence, words.removeprefix("=> ")


CASES = list(_cases())


@pytest.mark.parametrize(("line", "words"), CASES)
def test_known_cause(line: str, words: str) -> None:
    """A daemon's own words become what happened, what to do, and where it was said."""
    found = find(['[kubelet.service] I1124 02:31:49.573463 812 server.go:1] "Started"', line])
    assert found is not None
    assert words in f"{found.what}; {found.remedy}"
    assert found.what and found.remedy
    assert "{" not in found.what.replace("{0.0.0.0", "") + found.remedy, "a group that was not filled in"
    assert explain([line]).startswith(found.what)


def test_cause_stands_above_what_follows_from_it() -> None:
    """Of several known lines the cause is told: a refused connection follows from an etcd that found no space."""
    evidence = [
        "[kubelet.service] dial tcp 10.90.0.11:6443: connect: connection refused",
        "[kube-apiserver] Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused",
        '[etcd] {"level":"fatal","msg":"failed to write","error":"write /var/lib/etcd/wal: no space left on device"}',
        '[kubelet.service] "Error getting node" err="node \\"cp1\\" not found"',
    ]
    assert explain(evidence).startswith("the disk is full")
    assert "etcd: failed to write: write /var/lib/etcd/wal: no space left" in explain(evidence)


def test_quiet_evidence_is_not_explained() -> None:
    """Ordinary lines of healthy daemons are no cause."""
    quiet = [
        "[containerd.service] ActiveState=active SubState=running Result=success ExecMainStatus=0 NRestarts=0",
        '[containerd.service] time="2026-11-24T02:31:55Z" level=info msg="containerd successfully booted in 0.021987s"',
        '[etcd] {"level":"info","caller":"etcdmain/main.go:50","msg":"successfully notified init daemon"}',
        '[kubelet.service] I1124 02:32:02.083281 24354 shared_informer.go:524] "Waiting for caches to sync"',
    ]
    assert find(quiet) is None
    assert explain(quiet) == 'kubelet.service: "Waiting for caches to sync"'


def test_unknown_cause_shows_the_last_errors() -> None:
    """Where nothing is known, the last three different errors are shown, without time stamps, in their order."""
    evidence = [
        "[a.service] error: zero",
        '[a.service] time="2026-11-24T02:31:49Z" level=error msg="plugin \\"x\\" broke" error="strange thing"',
        '[b] {"level":"fatal","ts":"2026","caller":"x.go:1","msg":"gave up","error":"odd state"}',
        '[b] {"level":"fatal","ts":"2027","caller":"x.go:1","msg":"gave up","error":"odd state"}',
        '[c.service] E1124 02:32:01.721193   24301 run.go:72] "command failed" err="weird \\"value\\""',
        "[c.service] all is calm",
    ]
    assert explain(evidence) == (
        'a.service: plugin "x" broke: strange thing; b: gave up: odd state; c.service: command failed: weird "value"'
    )


@pytest.mark.parametrize("evidence", [[], ["", "  "]])
def test_silence(evidence: list[str]) -> None:
    """No evidence gives a sentence too."""
    assert explain(evidence) == "nothing was logged about the cause"


def test_no_line_breaks_it() -> None:
    """Whatever part of a line arrives, an explanation comes out and it stays short."""
    for line, _ in CASES:
        for end in range(0, len(line), 7):
            assert 0 < len(explain([line[:end], "x" * 5000])) < 1200


def test_cut_off_json_is_still_read() -> None:
    """A stack trace longer than a line is cut off: message and error are found all the same."""
    line = '{"level":"fatal","msg":"discovery failed","error":"bad \\"name\\"","stacktrace":"go.etcd.io/etcd/ser'
    assert clean(line) == 'discovery failed: bad "name"'


def test_every_known_cause_has_a_case() -> None:
    """No pattern of the table is there without a line that it, and none above it, explains."""
    untested = []
    for index, known in enumerate(KNOWN):
        plain = [line.replace('\\"', '"') for line, _ in CASES]
        own = [line for line in plain if known.pattern.search(line)]
        first = [line for line in own if not any(k.pattern.search(line) for k in KNOWN[:index])]
        if not first:
            untested.append(known.what)
    assert untested == []


def test_program_is_bounded_and_harmless() -> None:
    """The program runs where units, containers and API do not exist, in every sh, and ends soon."""
    program = diagnose_program(["kubelet.service", "no such; touch /x"], ["etcd", "a'b"], True, "/nonexistent.conf")
    for name in SHELLS:
        ran = subprocess.run([*shell(name), "-c", program], capture_output=True, text=True, check=True, timeout=30)
        lines = ran.stdout.splitlines()
        assert any(line.startswith("[kubelet.service]") for line in lines)
        assert len(lines) <= MAX_LINES and ran.stderr == ""


def test_program_reads_a_containers_last_log(tmp_path: Path) -> None:
    """The newest log of a container is shown without the runtime's prefix, with its number of restarts."""
    program = diagnose_program([], ["etcd"]).replace("/var/log/pods", str(tmp_path))
    logs = tmp_path / "kube-system_etcd-cp1_1" / "etcd"
    logs.mkdir(parents=True)
    (logs / "3.log").write_text('2026-11-24T02:31:49.5Z stderr F {"msg":"new"}\n')
    (logs / "0.log").write_text("2026-11-24T02:31:40.5Z stderr F old\n")
    os.utime(logs / "0.log", (1, 1))
    ran = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=True, timeout=30)
    told = [line for line in ran.stdout.splitlines() if line.startswith("[etcd]")]
    assert told[:2] == ["[etcd] started, 3 restarts", '[etcd] {"msg":"new"}']
    assert not any("old" in line for line in told)


def test_program_leaves_out_what_is_only_informative(tmp_path: Path) -> None:
    """Warnings and errors are shown however long ago, and the last lines whatever they say; dumps are not."""
    logs = tmp_path / "kube-system_x_1" / "x"
    logs.mkdir(parents=True)
    chatter = [f"2026-11-24T02:31:49.5Z stderr F I1124 02:31:49.5 1 a.go:{n}] chatter {n}" for n in range(100)]
    words = ["E1124 02:31:49.5 1 a.go:1] telling", "\tdumped: true", 'time="x" level=info msg="hum"']
    chatter[3:3] = [f"2026-11-24T02:31:49.5Z stderr F {word}" for word in words]
    (logs / "0.log").write_text("\n".join(chatter) + "\n")
    program = diagnose_program([], ["x"]).replace("/var/log/pods", str(tmp_path))
    ran = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=True, timeout=30)
    told = [line.split("] ")[-1] for line in ran.stdout.splitlines() if line.startswith("[x]")]
    assert told == ["started, 0 restarts", "telling", "chatter 97", "chatter 98", "chatter 99"]


def test_missed_container_is_told_where_its_manifest_is(tmp_path: Path) -> None:
    """A static pod that never started is named on the node that has its manifest, and on no other."""
    (tmp_path / "etcd.yaml").touch()
    program = diagnose_program([], ["etcd", "coredns"])
    program = program.replace("/etc/kubernetes/manifests", str(tmp_path)).replace("/var/log/pods", "/nonexistent")
    ran = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=True, timeout=30)
    missed = [line for line in ran.stdout.splitlines() if "no container" in line]
    assert missed == ["[etcd] no container of this name was ever started here"]
