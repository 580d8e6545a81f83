"""W1's floor: the very programs that kinstall sends, run by a local sh inside the nodes, all nodes at once.

Nothing can be faster that has a node's own programs do this work: no SSH, no Python, nothing to start and connect. The
shells wait inside the nodes when the clock starts.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from kinstall.engine.diff import entries_for, pending
from kinstall.engine.observation import Observation
from kinstall.engine.script import apply_program, observe_program, payload
from tests.bench.nodes import Farm, Node
from tests.bench.w1_steps import plan
from tests.lab.shell import LabError


def write_programs(farm: Farm) -> None:
    """Lay the programs where the nodes find them."""
    steps = plan(("n",)).phases[0].steps["n"]
    # An empty node: the record's entries are those of every step.
    seen = Observation()
    todo = pending(steps, seen)
    programs = {
        "observe": observe_program(steps, "bench").encode(),
        "apply": apply_program(todo, steps, entries_for(todo, seen), (), "bench").encode(),
        "payload": b"".join(payload(todo, {})),
    }
    for name, content in programs.items():
        (farm.folder / name).write_bytes(content)
    for node in farm.nodes:
        target = Path(f"/proc/{node.pid}/root/opt")
        for name, content in programs.items():
            (target / name).write_bytes(content)


_COLD = "sh /opt/observe && sh /opt/apply </opt/payload"
_AGAIN = "sh /opt/observe"


def floor(farm: Farm, *, cold: bool) -> float:
    """Seconds until the programs have ended on all nodes."""
    waiting = [_start(node, _COLD if cold else _AGAIN) for node in farm.nodes]
    try:
        for process in waiting:
            assert process.stdout
            if process.stdout.readline() != b"ready\n":
                raise LabError("a shell inside a node did not start")
        started = time.monotonic()
        for process in waiting:
            assert process.stdin
            process.stdin.write(b"\n")
            process.stdin.close()
        failed = [process.args for process in waiting if process.wait(300)]
        seconds = time.monotonic() - started
    finally:
        for process in waiting:
            process.kill()
            process.wait(10)
    if failed:
        raise LabError(f"the programs failed inside {len(failed)} nodes")
    return seconds


def _start(node: Node, program: str) -> subprocess.Popen[bytes]:
    shell = f"echo ready; read -r go; exec >/dev/null 2>&1; {program}"
    return subprocess.Popen([*node.enter, "/bin/sh", "-c", shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
