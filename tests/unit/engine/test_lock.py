"""Whose node it is: the fencing token and the lock, with real programs on a node in a mount namespace."""

from __future__ import annotations

import os
import subprocess
import threading
import time

import pytest

from kinstall.engine.diff import pending
from kinstall.engine.host import ShellHost
from kinstall.engine.script import apply_program, observe_program
from kinstall.engine.steps import File
from kinstall.errors import NodeBusy
from kinstall.transport.become import bootstrap, framed
from tests.unit.local_node import MARK, LocalNode


def run(node: LocalNode, program: str, given: int) -> int:
    """Run sh text in the namespace with an open file as its input; returns its exit status."""
    command = ["nsenter", "-t", str(node.pid), "-m", *node.shell, "-c", program]
    return subprocess.run(command, stdin=given, stdout=subprocess.DEVNULL, timeout=30, check=False).returncode


def test_a_phase_does_not_take_the_node_back(node: LocalNode) -> None:
    """Only a run's first look takes a node; a later one of a run that lost it is refused, and changes nothing."""
    host = ShellHost("local", node)
    host.observe((), "old")
    host.observe((), "new")
    with pytest.raises(NodeBusy, match="another run took this node over"):
        host.observe((), "old", take=False)
    assert node.read("/run/kinstall/owner") == "new\n"
    host.observe((), "new", take=False)


def test_a_rebooted_node_stays_with_its_run(node: LocalNode) -> None:
    """A reboot takes /run away: then the run that comes back is the owner, with no first look."""
    host = ShellHost("local", node)
    host.observe((), "r1")
    node.inside("rm", "-r", "/run/kinstall")
    host.observe((), "r1", take=False)
    assert node.read("/run/kinstall/owner") == "r1\n"


def test_stopping_stops_only_the_own_run(node: LocalNode) -> None:
    """Ctrl+C of a run that lost the node does not reach the run that has it."""
    host = ShellHost("local", node)
    host.observe((), "new")
    host.stop("old")
    assert node.read("/run/kinstall/owner") == "new\n"
    host.stop("new")
    with pytest.raises(NodeBusy):
        host.observe((), "new", take=False)


def test_stopping_leaves_no_trace_on_a_bare_node(node: LocalNode) -> None:
    """A node that no run has touched stays untouched."""
    ShellHost("local", node).stop("r1")
    assert not node.path("/run/kinstall").exists()


def test_a_dead_link_does_not_hold_the_lock(node: LocalNode) -> None:
    """The files never arrive, and the connection does not end either: the next run need not wait, and when the rest
    comes after all, the older program ends without a change."""
    host = ShellHost("local", node)
    steps = (File("/mnt/file", b"old\n"),)
    seen = host.observe(steps, "old")
    program = apply_program(pending(steps, seen), steps, (), (), "old")
    reading, writing = os.pipe()
    length, first = framed(program, MARK)
    statuses: list[int] = []
    stuck = threading.Thread(target=lambda: statuses.append(run(node, bootstrap(length, MARK), reading)))
    stuck.start()
    try:
        os.write(writing, first)
        while not node.path("/run/kinstall/payload.old").exists():
            assert stuck.is_alive()
            time.sleep(0.01)
        waited: list[str] = []
        host.observe(steps, "new", waited.append)
        assert waited == []
        assert stuck.is_alive(), "it was to be stuck"
    finally:
        os.close(writing)
        stuck.join(10)
        os.close(reading)
    assert statuses == [76]
    assert not node.path("/mnt/file").exists()
    assert sorted(path.name for path in node.path("/run/kinstall").iterdir()) == ["lock", "owner"]


def test_looking_takes_nothing(node: LocalNode) -> None:
    """`plan` asks without a run: no folder, no owner, no lock."""
    assert node.execute(observe_program(())) == 0
    assert not node.path("/run/kinstall").exists()
    assert not node.path("/var/lib/kinstall").exists()
