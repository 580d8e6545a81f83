"""A rehearsal of 10, 100 and 1,000 nodes: all that a replay costs on the operator's machine, without any host."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

from tests.bench import figures
from tests.bench.figures import Row, Target
from tests.bench.process import measured
from tests.bench.quiet import Quiet
from tests.lab.progress import say
from tests.lab.shell import LabError

GROUP, KINSTALL = "rehearsal", "kinstall rehearse"
SIZES = (10, 100, 1000)
_FIRST = IPv4Address("10.90.0.1")


def measure(runs: int, repository: Path, quiet: Quiet) -> list[Row]:
    """Whole runs from bare simulated hosts, with lines to a pipe and a run log."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="kinstall-bench-") as scratch:
        for size in SIZES:
            path = Path(scratch) / f"{size}.yaml"
            path.write_text(answers(size))
            found = []
            for number in range(runs):
                say(f"{GROUP}: {size} nodes, run {number + 1} of {runs}")
                quiet.wait()
                done = measured([sys.executable, "-m", "kinstall", "rehearse", path], cwd=repository)
                if f"{size - 1} workers" not in done.text or ", 0 failed, in " not in done.text:
                    raise LabError(f"the rehearsal of {size} nodes did not end well: {done.text[-1000:]}")
                found.append(done)
            seconds = tuple(each.seconds for each in found)
            rows.append(Row(GROUP, KINSTALL, _nodes(size), seconds, max(each.rss for each in found)))
    return rows


def targets(rows: Sequence[Row]) -> list[Target]:
    largest = figures.find(rows, GROUP, KINSTALL, _nodes(1000))
    if largest is None:
        return []
    return [
        Target("rehearsal of 1,000 nodes, seconds", largest.median, 60),
        Target("rehearsal of 1,000 nodes, operator MB", largest.rss, 500),
    ]


def answers(size: int) -> str:
    """One control plane and workers, everything else at its default but a pod range that has room for them."""
    nodes = "".join(
        f"  - {{name: n{number}, address: {_address(number)}, role: {'worker' if number else 'control-plane'}}}\n"
        for number in range(size)
    )
    return (
        "apiVersion: kinstall/v1\nkubernetesVersion: 1.37.2\nclusterName: many\n"
        f"networking: {{podSubnet: 10.128.0.0/12}}\nnodes:\n{nodes}"
    )


def _address(number: int) -> IPv4Address:
    return _FIRST + number // 250 * 256 + number % 250  # none that looks like a network's or a broadcast's


def _nodes(size: int) -> str:
    return f"{size:,} nodes"
