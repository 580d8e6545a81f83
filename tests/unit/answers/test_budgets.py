"""Hostile answers files: whatever is in them, a result comes in bounded time and memory."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from kinstall.answers import load
from kinstall.errors import InvalidAnswers

NODE = "- {{name: n{0}, address: 10.{1}.{2}.{3}, role: worker, podCIDR: 10.{4}.{2}.{3}/32}}\n"
NODES = "".join(NODE.format(i, i // 65536, i // 256 % 256, i % 256, 244 + i // 65536) for i in range(4500))
HOSTILE = {
    "brackets": "a: " + "[" * 100_000,
    "braces": "{" * 100_000,
    "sequences": "- " * 50_000,
    "keys of keys": "? " * 50_000,
    "blanks": "a:" + " " * 40_000 + "b\n",
    "wrong values": "security: {extraSANs: [" + "1," * 45_000 + "]}\n",
    "unknown keys": "".join(f"k{i}: 1\n" for i in range(24_000)),
    "unknown checks": "preflight: {ignore: [" + ",".join(f"n{i}" for i in range(45_000)) + "]}\n",
    "wrong flags": "components: {kubelet: {extraArgs: {" + ",".join(f"x y{i}: a" for i in range(24_000)) + "}}}\n",
    "nodes": "networking: {nodeCIDRMaskSize: 28}\nnodes:\n" + NODES,
    "long keys": "components: {kubelet: {config: "
    + "".join("{" + "b" * 1000 + ": " for _ in range(30)) + "[" + "1," * 40_000 + "]" + "}" * 30 + "}}\n",
}  # fmt: skip
PROGRAM = """\
import resource, sys
from kinstall.answers import load
from kinstall.errors import InvalidAnswers
try:
    load.load(sys.argv[1])
except InvalidAnswers as error:
    print(len(error.problems))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
SECONDS = 20
"""Of processor time: several times what the slowest takes, and far from what it took before."""
MEMORY = 400 << 10
"""In KiB; the lines of a file of 1 MiB take a part of it."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends(tmp_path: Path, name: str) -> None:
    """Depth, number, length, and mistakes without end: refused, in seconds, in a few hundred MiB."""
    path = tmp_path / "answers.yaml"
    path.write_text(HOSTILE[name])
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS)),
    )
    assert ran.returncode == 0, ran.stderr[-500:]
    problems, memory = map(int, ran.stdout.split())
    assert 1 <= problems <= load.MOST_PROBLEMS + 1
    assert memory < MEMORY


def test_a_device_is_no_answers_file() -> None:
    """A file that never ends is not read at all."""
    with pytest.raises(InvalidAnswers, match="cannot be read"):
        load.load("/dev/zero")
