"""Runs that end in the middle: killed, interrupted, raced by another one, cut off from a node.

The tests stand in an order and share one cluster: each takes it as the one before left it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kinstall.errors import EXIT_CANCELLED, EXIT_NODE_FAILED
from kinstall.plan.phase_names import PHASES
from tests.lab.api import Lab
from tests.lab.cluster import LIMIT, Cluster, Ended, wait_until

BUSY = "a program of an earlier run still works there"

# `sysctl` is called by a step in the middle of the first phase, with further steps behind it.
SLOW = "script sysctls"
BEHIND = "unit kinstall-routes.service"
SLOW_PROGRAM = """\
#!/bin/sh
again=$(cat /run/slow-begun 2>/dev/null)
date +%s.%N >>/run/slow-begun
[ -n "$again" ] || sleep {seconds}
date +%s.%N >>/run/slow-ended
PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec {program} "$@"
"""


@pytest.fixture(scope="module")
def cluster(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    home = tmp_path_factory.mktemp("killed")
    # A node that went away shall not hold the tests up.
    return Cluster(lab, lab.bare_hosts(3), home, {"ssh": {"connectTimeout": 4}})


class Live:
    """A replay (or another command) that runs; `events` are those read so far."""

    def __init__(self, cluster: Cluster, *words: str, command: str = "replay") -> None:
        self.process = cluster.start(command, "--output", "json", *words)
        self.events: list[dict[str, Any]] = []

    def until(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Read on until such an event comes, if none came yet: no node waits for another without need."""
        assert self.process.stdout is not None
        event: dict[str, Any]
        for event in self.events:
            if wanted(event):
                return event
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            if wanted(event):
                return event
        out, err = self.process.communicate()
        raise AssertionError(f"it ended before {what}: {self.events[-3:]} {out} {err}")

    def until_step(self, phase: str = "", step: str = "", node: str = "") -> dict[str, Any]:
        def begins(event: dict[str, Any]) -> bool:
            told = (event.get("phase"), event.get("step"), event.get("node"))
            wanted = (phase, step, node)
            return event["event"] == "stepStarted" and all(w in ("", t) for w, t in zip(wanted, told, strict=True))

        return self.until(begins, f"a step of {phase or step} began")

    def kill(self) -> None:
        """As the kernel does it when the memory is full: no chance to say good-bye."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> Ended:
        """Wait for its end; `out` is only what was not read before, `events` has all."""
        try:
            out, err = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it hangs after {self.events[-3:]}") from None
        read = "".join(json.dumps(event) + "\n" for event in self.events)
        return Ended(self.process.returncode, read + out, err, 0.0)


def on_a_new_workstation(cluster: Cluster) -> None:
    """Go on with a state folder that holds only the answers, the PKI and the known hosts."""
    old, new = cluster.state, cluster.home / f"{cluster.state.name}-again"
    new.mkdir(mode=0o700)
    for name in ("answers.yaml", "known_hosts"):
        if (old / name).exists():
            shutil.copy2(old / name, new / name)
    shutil.copytree(old / "pki", new / "pki")
    cluster.state = new


@pytest.fixture
def slow(cluster: Cluster) -> Iterator[Callable[..., None]]:
    """`slow(12)`: on w1 the program that SLOW calls takes 12 seconds when it is called next; or another program."""
    host = cluster.host("w1")

    def slow_down(seconds: int, program: str = "sysctl") -> None:
        path = f"/usr/local/sbin/{program}"
        text = SLOW_PROGRAM.format(seconds=seconds, program=program)
        host.run(f"rm -f /run/slow-*; cat >{path} && chmod 755 {path}", stdin=text)

    yield slow_down
    host.run("rm -f /usr/local/sbin/sysctl /usr/local/sbin/systemctl /run/slow-*")


def times(cluster: Cluster, what: str) -> list[float]:
    text = cluster.host("w1").run(f"cat /run/slow-{what} 2>/dev/null || true").stdout
    return [float(line) for line in text.split()]


def nothing_runs(cluster: Cluster, node: str) -> bool:
    """No program holds the lock; a node that is undone to the end has none."""
    free = "[ ! -e /run/kinstall/lock ] || flock -n /run/kinstall/lock true"
    return cluster.host(node).run(free, check=False).status == 0


def leftovers(cluster: Cluster, node: str) -> list[str]:
    """What an unfinished program would leave: files that wait beside their place, its output, its payload."""
    found = cluster.host(node).run(
        "find /etc /usr/local/bin /opt /var/lib/kinstall -xdev -name '.*.kinstall*'; "
        "find /run/kinstall -mindepth 1 -maxdepth 1 ! -name owner ! -name lock ! -name home"
    )
    return found.stdout.split()


def test_killed_in_each_phase(cluster: Cluster) -> None:
    """SIGKILL in the middle of each phase, each time replayed at once from another workstation with only the answers,
    the PKI and the known hosts: the last replay ends verified in full, also where an orphan had done the last step
    before; nothing of the orphans is left, nothing is left to do.
    """
    for phase in PHASES:
        run = Live(cluster)
        run.until_step(phase)
        run.kill()
        on_a_new_workstation(cluster)
    ended = cluster.replay()
    assert ended.code == 0, ended
    checks = [event for event in ended.events if event.get("phase") == "verify" and event["event"] == "stepFinished"]
    assert len(checks) > 20, "verify was not the full one"
    assert {node: leftovers(cluster, node) for node in ("cp1", "w1", "w2")} == {"cp1": [], "w1": [], "w2": []}
    assert cluster.plan()["changes"] == []


def test_an_interrupted_reset(cluster: Cluster, slow: Callable[..., None]) -> None:
    """Ctrl+C while the nodes are undone: each ends its step, exit 5 and no failure; the same command does the rest."""
    slow(8, "systemctl")  # one of them is not through before it is heard
    run = Live(cluster, "--yes", "demo", command="reset")
    run.until_step("undo")
    run.process.send_signal(signal.SIGINT)
    ended = run.end()
    assert ended.code == EXIT_CANCELLED, ended
    assert (ended.last["outcome"], ended.last["failed"]) == ("cancelled", 0)
    assert "the same command continues" in ended.err
    assert all(nothing_runs(cluster, node) for node in ("cp1", "w1", "w2"))
    # Some may have been through before it was heard; those that were not are named.
    record = "test -s /var/lib/kinstall/record"
    left = [node for node in ("cp1", "w1", "w2") if cluster.host(node).run(record, check=False).status == 0]
    assert left and f"stopped at a step boundary on {', '.join(left)}" in ended.err, ended
    again = cluster.reset()
    assert again.code == 0, again
    gone = "ls -d /var/lib/kinstall /etc/kubernetes /usr/local/bin/kubelet"
    assert [cluster.host(node).run(gone, check=False).stdout for node in ("cp1", "w1", "w2")] == ["", "", ""]


def test_an_orphan_ends_at_its_next_step(cluster: Cluster, slow: Callable[..., None]) -> None:
    """The program of a killed run ends the step that it is in, begins no other one, and lets the lock go."""
    slow(5)
    run = Live(cluster, "--until", "prepare")
    run.until_step(step=SLOW, node="w1")
    run.kill()
    assert not nothing_runs(cluster, "w1")
    wait_until(lambda: nothing_runs(cluster, "w1"), "the orphan ends")
    assert len(times(cluster, "ended")) == 1
    assert cluster.host("w1").run("systemctl is-active kinstall-routes.service", check=False).stdout == "inactive\n"
    assert cluster.host("w1").run("cat /proc/sys/net/ipv4/ip_forward").stdout == "1\n", "the step itself was done"


def test_an_orphan_is_waited_for(cluster: Cluster, slow: Callable[..., None]) -> None:
    """A replay at once, while a step of the killed run still works: it says so, and begins nothing there before."""
    assert cluster.reset().code == 0
    slow(10)
    killed = Live(cluster, "--until", "prepare")
    killed.until_step(step=SLOW, node="w1")
    killed.kill()
    on_a_new_workstation(cluster)
    run = Live(cluster, "--until", "prepare")
    run.until(lambda event: event["event"] == "notice" and event["node"] == "w1" and BUSY in event["message"], "busy")
    assert times(cluster, "ended") == []
    run.until_step(node="w1")
    assert len(times(cluster, "ended")) == 1, "a step began while the orphan was still in one"
    ended = run.end()
    assert ended.code == 0, ended
    begun, done = times(cluster, "begun"), times(cluster, "ended")
    assert all(end <= start for end, start in zip(done, begun[1:], strict=False)), "two of them at the same time"
    assert cluster.replay("--until", "prepare").last["changed"] == 0


def test_two_live_runs(cluster: Cluster, slow: Callable[..., None]) -> None:
    """A second replay takes the nodes over: the first one ends with a sentence, the second one is not disturbed."""
    assert cluster.reset().code == 0
    slow(30)  # longer than the second run takes to reach the node, also on a busy machine
    first = Live(cluster, "--until", "runtime")
    first.until_step(step=SLOW, node="w1")
    second = Live(cluster, "--until", "runtime")
    ended, loser = second.end(), first.end()
    assert ended.code == 0, ended
    assert loser.code == EXIT_NODE_FAILED, loser
    assert "another run took this node over" in loser.err
    assert "Traceback" not in loser.err
    mine = [e for e in loser.events if e["event"] == "stepStarted" and e["node"] == "w1"]
    assert mine[-1]["step"] == SLOW, "the first run went on"
    assert cluster.replay("--until", "runtime").last["changed"] == 0


def test_interrupted_while_it_waits_for_an_orphan(cluster: Cluster, slow: Callable[..., None]) -> None:
    """Ctrl+C while the nodes are still being asked: exit 5 at once, however long the orphan still takes."""
    assert cluster.reset().code == 0
    slow(12)
    killed = Live(cluster, "--until", "prepare")
    killed.until_step(step=SLOW, node="w1")
    killed.kill()
    run = Live(cluster, "--until", "prepare")
    run.until(lambda event: event["event"] == "notice" and BUSY in event["message"], "busy")
    run.process.send_signal(signal.SIGINT)
    ended = run.end()
    assert ended.code == EXIT_CANCELLED, ended
    assert times(cluster, "ended") == [], "it waited for the orphan"
    assert "stopped before anything was changed" in ended.err
    wait_until(lambda: nothing_runs(cluster, "w1"), "the orphan ends")


@pytest.mark.parametrize(
    ("phase", "step"),
    [("download", ""), ("control-plane", "wait the API answers")],
    ids=["while it downloads", "while it waits for the API"],
)
def test_interrupted(cluster: Cluster, phase: str, step: str) -> None:
    """Ctrl+C: no further step begins, long ones are broken off, exit 5; the same command continues from there."""
    run = Live(cluster, "--no-verify")
    run.until_step(phase, step)
    run.process.send_signal(signal.SIGINT)
    ended = run.end()
    assert ended.code == EXIT_CANCELLED, ended
    assert ended.last["outcome"] == "cancelled", ended.last
    assert "the same command continues" in ended.err
    assert not any(e["event"] == "stepFinished" and e["step"] == step for e in ended.events), "it was waited for"
    assert not any(e["event"] == "stepStarted" and e["phase"] == PHASES[-1] for e in ended.events), "it went on"
    for node in ("cp1", "w1", "w2"):
        wait_until(lambda node=node: nothing_runs(cluster, node), f"{node} is left alone", 5)  # type: ignore[misc]
        assert leftovers(cluster, node) == []
    again = cluster.replay("--until", phase)
    assert again.code == 0, again
    done = {(e["node"], e["step"]) for e in ended.events if e.get("outcome") == "changed" and "step" in e}
    assert done
    assert not done & set(again.changed), "it began anew"


def test_nodes_that_go_away(cluster: Cluster) -> None:
    """One worker loses its link and one its power in the middle: both are named, the control plane goes on to its
    end, and a replay once they are back ends verified."""
    assert cluster.reset().code == 0
    run = Live(cluster)
    run.until_step("images", node="w1")
    cluster.host("w1").cut_link()
    run.until_step("kubernetes", node="w2")
    cluster.host("w2").power_off()
    ended = run.end()
    cluster.host("w1").restore_link()
    cluster.host("w2").power_on()
    assert ended.code == EXIT_NODE_FAILED, ended
    assert "Traceback" not in ended.err
    ends = {(e["node"], e["phase"]): e for e in ended.events if e["event"] == "phaseFinished"}
    assert ends["cp1", "addons"]["outcome"] == "changed", "the control plane did not go on"
    for node, earliest in (("w1", "images"), ("w2", "kubernetes")):
        # Or in a later one, where a step was done before the cut came.
        (phase,) = [phase for phase in PHASES if ends.get((node, phase), {}).get("outcome") == "unreachable"]
        assert PHASES.index(phase) >= PHASES.index(earliest)
        assert f"{node}: " in ends[node, phase]["message"]
        later = [ends[node, other]["outcome"] for other in PHASES[PHASES.index(phase) + 1 :] if (node, other) in ends]
        assert set(later) <= {"skipped"}
    assert "(2 nodes failed)" in ended.err
    again = cluster.replay()
    assert again.code == 0, again
    assert cluster.plan()["changes"] == []
