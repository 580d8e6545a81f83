"""W1: the small tasks, one after another by each way, on the same nodes in the same run."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench import figures
from tests.bench.figures import Row, Target
from tests.bench.nodes import Farm, farm
from tests.bench.process import Measured, measured
from tests.bench.quiet import Quiet
from tests.bench.w1_floor import floor, write_programs
from tests.bench.w1_peers import Ansible, Pyinfra
from tests.bench.w1_steps import COMMANDS, FILES, STEPS
from tests.lab.progress import say
from tests.lab.shell import LabError

COLD, AGAIN = "cold", "again"
FLOOR, KINSTALL = "floor: the program alone", "kinstall"
ANSIBLE_MOST = 4
"""ansible-core takes most of a minute for four nodes: it is not measured on more."""


def measure(sizes: Sequence[int], runs: int, peer_runs: int, repository: Path, peers: Path, quiet: Quiet) -> list[Row]:
    """All ways on farms of `sizes` nodes. `peers`: the folder with the peers' programs."""
    rows: list[Row] = []
    for size in sizes:
        with farm(size) as nodes:
            rows += _ways(nodes, size, runs, peer_runs, repository, peers, quiet)
    return rows


def targets(rows: Sequence[Row]) -> list[Target]:
    def row(size: int, way: str, what: str) -> Row | None:
        return figures.find(rows, _group(size), way, what)

    def against_floor(what: str, limit: float) -> list[Target]:
        return figures.ratio(
            f"32 nodes, {what}: kinstall / floor", row(32, KINSTALL, what), row(32, FLOOR, what), limit
        )

    fast = row(4, KINSTALL, COLD)
    return [
        *against_floor(COLD, 1.8),
        *against_floor(AGAIN, 2.5),
        *figures.ratio("4 nodes, cold: ansible-core / kinstall", row(4, Ansible.name, COLD), fast, 60, at_least=True),
    ]


def _group(size: int) -> str:
    return f"{size} nodes"


def _ways(nodes: Farm, size: int, runs: int, peer_runs: int, repository: Path, peers: Path, quiet: Quiet) -> list[Row]:
    group = _group(size)
    write_programs(nodes)
    rows: list[Row] = []
    # Interleaved, so that a machine that slows down slows both.
    times: dict[tuple[str, str], list[Measured]] = {}
    for number in range(runs):
        say(f"{group}: floor and kinstall, run {number + 1} of {runs}")
        quiet.wait()
        for way in (FLOOR, KINSTALL):
            nodes.clean()
            for what in (COLD, AGAIN):
                cold = what == COLD
                done = _floor(nodes, cold) if way == FLOOR else _kinstall(nodes, cold, repository)
                times.setdefault((way, what), []).append(done)
                _check(nodes)
    rows += [_row(group, way, what, found) for (way, what), found in times.items()]
    ways: list[Pyinfra | Ansible] = [Pyinfra(nodes, peers)]
    if size <= ANSIBLE_MOST:
        ways.append(Ansible(nodes, peers))
    for peer in ways:
        found: dict[str, list[Measured]] = {COLD: [], AGAIN: []}
        for number in range(peer_runs):
            say(f"{group}: {peer.name}, run {number + 1} of {peer_runs}")
            nodes.clean()
            quiet.wait()
            for what in (COLD, AGAIN):
                found[what].append(peer.run())
                _check(nodes)
        rows += [_row(group, peer.name, what, each) for what, each in found.items()]
    return rows


def _row(group: str, way: str, what: str, runs: Sequence[Measured]) -> Row:
    return Row(group, way, what, tuple(run.seconds for run in runs), max(run.rss for run in runs))


def _floor(nodes: Farm, cold: bool) -> Measured:
    return Measured(floor(nodes, cold=cold), 0.0, ())


def _kinstall(nodes: Farm, cold: bool, repository: Path) -> Measured:
    inventory = nodes.folder / "inventory.json"
    ports = {node.name: node.port for node in nodes.nodes}
    inventory.write_text(json.dumps({"key": str(nodes.key), "hostKey": nodes.host_key, "nodes": ports}))
    done = measured([sys.executable, "-m", "tests.bench.w1_kinstall", inventory, nodes.folder], cwd=repository)
    steps = STEPS * len(nodes.nodes)
    wanted = f"changed {steps} ok 0" if cold else f"changed 0 ok {steps}"
    if done.lines[-1][1] != wanted:
        raise LabError(f"kinstall said {done.lines[-1][1]!r}, not {wanted!r}")
    return done


def _check(nodes: Farm) -> None:
    """No figure for work that was not done."""
    for node in nodes.nodes:
        files, commands = node.run("ls /srv | grep -c conf; find /srv -name '*.done' -size +0 | wc -l").split()
        if (int(files), int(commands)) != (FILES, COMMANDS):
            raise LabError(f"{node.name} has {files} of {FILES} files and {commands} of {COMMANDS} commands' results")
