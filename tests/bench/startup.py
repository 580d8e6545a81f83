"""How soon the single file answers, beside an ordinary environment of the same checkout."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.bench.figures import Row
from tests.bench.process import Measured, measured
from tests.bench.quiet import Quiet
from tests.lab.progress import say
from tests.lab.pyz import pyz

GROUP, PYZ, VENV = "start", "kinstall.pyz", "environment"
FIRST, VERSION, REHEARSE = "first --version", "--version", "rehearse"
STARTS = 5
"""A start takes a fraction of a second: the median of a few says more than one."""


def measure(runs: int, repository: Path, quiet: Quiet) -> list[Row]:
    """First starts from an empty home, later ones, and the built-in rehearsal."""
    file = pyz()
    times: dict[tuple[str, str], list[Measured]] = {}
    for number in range(runs):
        say(f"{GROUP}: run {number + 1} of {runs}")
        quiet.wait()
        with tempfile.TemporaryDirectory(prefix="kinstall-bench-") as home:
            env = {"HOME": home, "PEX_ROOT": f"{home}/unpacked"}
            ways = {PYZ: [sys.executable, str(file)], VENV: [str(repository / ".venv/bin/kinstall")]}
            times.setdefault((PYZ, FIRST), []).append(measured([*ways[PYZ], "--version"], cwd=Path(home), env=env))
            for _ in range(STARTS):
                for way, words in ways.items():
                    started = measured([*words, "--version"], cwd=Path(home), env=env)
                    times.setdefault((way, VERSION), []).append(started)
            for way, words in ways.items():
                times.setdefault((way, REHEARSE), []).append(measured([*words, "rehearse"], cwd=Path(home), env=env))
            unpacked = _size(Path(home) / "unpacked") / 1e6
            say(f"{GROUP}: the file has {file.stat().st_size / 1e6:.1f} MB, {unpacked:.0f} MB unpacked")
    return [
        Row(GROUP, way, what, tuple(each.seconds for each in found), max(each.rss for each in found))
        for (way, what), found in times.items()
    ]


def _size(folder: Path) -> int:
    """What the files take on the disk, in bytes; a file with two names counts once."""
    held = {found.st_ino: found.st_blocks * 512 for path in folder.rglob("*") if (found := os.lstat(path))}
    return sum(held.values())
