"""When waiting for a static pod is in vain: read from the logs that the kubelet keeps, in every sh of a node."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from kinstall.diagnosis.explain import crash_loop_program
from tests.unit.shell import SHELLS, shell

UNKNOWN_FLAG = (
    ("09:15:59.982", "stderr F I1128 09:15:59.982000       1 options.go:249] external host was not specified"),
    ("09:16:00.004", "stderr F Error: unknown flag: --no-such"),
)
WAITS_FOR_ETCD = (
    ("09:16:08.100", "stderr F W1128 09:16:08.100000       1 logging.go:55] dial tcp 127.0.0.1:2379: refused"),
    (
        "09:16:28.900",
        "stderr F F1128 09:16:28.900000       1 instance.go:233] Error creating leases: deadline exceeded",
    ),
)
FATAL = (("09:16:08.1", "stderr F F1128 09:16:08.100000       7 server.go:99] cannot read /x"),)
FATAL_LATER = (("09:16:18.1", "stderr F F1128 09:16:18.100000      12 server.go:99] cannot read /x"),)
ANOTHER = (("09:16:18.1", "stderr F F1128 09:16:18.100000       7 server.go:99] address already in use"),)
HOSTILE = (("x[$(touch ran)]:00:00", "stderr F same"),)
Lines = tuple[tuple[str, str], ...]


class Node:
    """A folder of logs, each newer than the one that was written before."""

    def __init__(self, folder: Path) -> None:
        self.logs, self.notes, self.processes = folder / "pods", folder / "notes", folder / "proc"
        self.notes.touch()
        self.runs("systemd", 1)
        self.clock = time.time() - 1000

    def log(self, number: int, lines: Lines, *, name: str = "kube-apiserver", pod: str = "1") -> None:
        path = self.logs / f"kube-system_{name}-cp1_{pod}" / name / f"{number}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"2026-11-28T{clock}Z {rest}\n" for clock, rest in lines))
        self.clock += 1
        os.utime(path, (self.clock, self.clock))

    def forget(self, number: int) -> None:
        (self.logs / f"kube-system_kube-apiserver-cp1_1/kube-apiserver/{number}.log").unlink()

    def runs(self, program: str, number: int = 7) -> None:
        (self.processes / str(number)).mkdir(parents=True)
        (self.processes / str(number) / "comm").write_text(f"{program}\n")

    def asked(self, words: tuple[str, ...]) -> str:
        """What the program says where waiting is in vain, else nothing."""
        program = crash_loop_program({"etcd": "etcd", "kube-apiserver": "kube-apiserver"})
        environment = {**os.environ, "LOGS": str(self.logs), "NOTES": str(self.notes), "PROC": str(self.processes)}
        ran = subprocess.run(
            [*words, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=20
        )
        assert ran.stderr == "" and (ran.returncode == 0) is bool(ran.stdout)
        return ran.stdout


@pytest.fixture(params=SHELLS)
def words(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return shell(request.param)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.parametrize(("earlier", "last"), [(UNKNOWN_FLAG, UNKNOWN_FLAG[1:]), (FATAL, FATAL_LATER)])
def test_the_same_end_thrice(node: Node, words: tuple[str, ...], earlier: Lines, last: Lines) -> None:
    """Times and process numbers differ, the words do not: said with the number of starts. The kubelet removes a log as
    soon as the next one has ended: what it said is noted."""
    assert node.asked(words) == ""
    node.log(1, earlier)
    assert node.asked(words) == "" and node.asked(words) == ""
    node.log(2, last)
    node.forget(1)
    assert node.asked(words) == "kube-apiserver was started 3 times, and ends at once for the same reason\n"


@pytest.mark.parametrize(
    ("earlier", "last"),
    [
        *((WAITS_FOR_ETCD, WAITS_FOR_ETCD), (FATAL, ANOTHER), ((), FATAL), (FATAL, ()), (HOSTILE, HOSTILE)),
    ],
    ids=["it takes its time", "another reason", "nothing was said", "nothing is said yet", "not a log"],
)
def test_what_may_still_come(node: Node, words: tuple[str, ...], earlier: Lines, last: Lines) -> None:
    """An API server that waits for etcd, a port that is still taken: waiting goes on."""
    node.log(1, earlier)
    assert node.asked(words) == ""
    node.log(2, last)
    assert node.asked(words) == ""
    assert not Path("ran").exists(), "what a log says was run"


def test_while_it_runs_its_last_words_are_none(node: Node, words: tuple[str, ...]) -> None:
    """An API server that has just begun to wait for etcd has said the same as the one before it."""
    node.runs("kube-apiserver")
    for number in (1, 2, 3):
        node.log(number, WAITS_FOR_ETCD[:1])
        assert node.asked(words) == ""


def test_what_was_before_does_not_count(node: Node, words: tuple[str, ...]) -> None:
    """What began before the wait may have failed for what this run has mended: the next start decides."""
    for number in range(5):
        node.log(number, FATAL)
    assert node.asked(words) == "" and node.asked(words) == ""
    node.log(5, FATAL_LATER)
    assert "6 times" in node.asked(words)


def test_the_first_two_starts_do_not_count(node: Node, words: tuple[str, ...]) -> None:
    """The second of a new manifest's pod, or whatever a user's own container of that name says."""
    for number in (0, 1):
        node.log(number, FATAL)
        assert node.asked(words) == ""
    node.log(2, FATAL, pod="2")
    (node.logs / "kube-system_kube-apiserver-cp1_2").rename(node.logs / "default_mine-cp1_2")
    assert node.asked(words) == ""


def test_etcd_too(node: Node, words: tuple[str, ...]) -> None:
    """Whichever of them it is."""
    node.log(1, FATAL, name="etcd")
    assert node.asked(words) == ""
    node.log(2, FATAL_LATER, name="etcd")
    assert node.asked(words).startswith("etcd was started 3 times")
