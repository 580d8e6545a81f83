"""All shell that this project sends to nodes or runs: the files, and the programs that code puts together.

`programs()` are those of the examples' plans, of preflight, verify, diagnosis and the matrix; `files()` the rest. Tests
read them with shellcheck and run them in every shell that a node may have.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from kinstall.answers.load import load
from kinstall.cluster import ClusterSpec
from kinstall.connectivity.program import connect_program, listen_program
from kinstall.connectivity.required import TCP, UDP, Port
from kinstall.diagnosis.explain import diagnose_program
from kinstall.engine.diff import Action, Pending, entries_for
from kinstall.engine.observation import Observation, PathState
from kinstall.engine.record import undo_order
from kinstall.engine.script import apply_program, observe_program, stop_program
from kinstall.engine.steps import Directory, Plan
from kinstall.engine.undo_program import undo_program
from kinstall.facts.parse import facts_program
from kinstall.transport import become
from tests.golden.making import EXAMPLES, names, plan_of
from tests.unit.verify.test_programs import PROGRAMS

ROOT = Path(__file__).parents[2]

SHELLS = {"dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("busybox", "sh")}
"""What a node's /bin/sh may be → how it is called."""


def shell(name: str) -> tuple[str, ...]:
    """How a shell is called. Skips the test where this machine does not have it; in CI that is a failure."""
    return tool(name, *SHELLS[name])


def tool(name: str, *words: str) -> tuple[str, ...]:
    if shutil.which(name) is None:
        reason = f"no {name} on this machine: packaging/tools.sh says how to install it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return words or (name,)


def files() -> Iterator[Path]:
    """Every shell script of the repository: by its name, or by its first line. Golden copies of others are left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if name.startswith("tests/golden/") or not path.is_file():
            continue
        with path.open("rb") as file:
            first = file.readline(80)
        if name.endswith(".sh") or (first.startswith(b"#!") and first.rstrip().endswith((b"/sh", b"bash"))):
            yield path


@cache
def plans() -> dict[str, tuple[ClusterSpec, Plan]]:
    """The examples' plans, with fixed facts."""
    specs = {name: load(EXAMPLES / f"{name}.yaml") for name in names()}
    return {name: (spec, plan_of(spec)) for name, spec in specs.items()}


@cache
def programs() -> dict[str, str]:
    """What it is → its text, each text once."""
    found = dict((*_of_plans(), *_others()))
    return {name: text for text, name in {text: name for name, text in reversed(found.items())}.items()}


def _of_plans() -> Iterator[tuple[str, str]]:
    for example, (_, plan) in plans().items():
        for node in plan.nodes:
            steps = tuple(step for _, step in plan.of(node))
            yield f"{example} {node} observe", observe_program(steps, "run")
            yield f"{example} {node} look", observe_program(steps)
            todo = [Pending(step, Action.CREATE) for step in steps]
            for phase in plan.phases:
                own = [item for item in todo if item.step in phase.steps.get(node, ())]
                if own:
                    entries = entries_for(own, Observation())
                    yield f"{example} {node} {phase.name}", apply_program(own, steps, entries, ("mark",), "run")
            kept = {s.path: PathState("directory", 0o755, "root:root", "", "", True)
                    for s in steps if isinstance(s, Directory)}  # fmt: skip
            for before in (Observation(), Observation(paths=kept)):
                entries = entries_for(todo, before)
                yield f"{example} {node} undo {len(before.paths)}", undo_program(undo_order(entries), "run")


def _others() -> Iterator[tuple[str, str]]:
    yield "stop", stop_program("run")
    yield "undo nothing", undo_program((), "run")
    yield "facts", facts_program("")
    ports = (Port(6443, TCP, "API"), Port(10250, TCP, "kubelet", fills=True), Port(8472, UDP, "pods"))
    yield "listen", listen_program("192.0.2.1", ports, "token", 2)
    yield "connect", connect_program("n1", "token")
    yield "diagnosis", diagnose_program(("kubelet.service",), ("etcd",), api=True)
    yield "bootstrap", become.bootstrap(100, "mark-")
    yield "sudo's question", become.probe("mark-")
    yield "in a terminal", become.command(become.Become(sudo=True, tty=True), become.bootstrap(100, "mark-"))
    yield from ((f"verify: {name}", text) for name, text in PROGRAMS.items())
