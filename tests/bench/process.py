"""One program, run to its end and measured as a whole: wall time and peak memory, its start and imports included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.shell import LabError

_STOPWATCH = Path(__file__).with_name("stopwatch.py")


@dataclass(frozen=True, slots=True)
class Measured:
    """`seconds` of wall time; `rss` the largest resident set (MB) of it or of a process it waited for; `lines` its
    output, each with the second after the start in which it came."""

    seconds: float
    rss: float
    lines: tuple[tuple[float, str], ...]

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)


def measured(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None, limit: float = 900
) -> Measured:
    """Run `command`; LabError where it fails or takes longer than `limit` seconds. It gets a group of its own, which
    is ended with it."""
    argv = [str(word) for word in command]
    watch = subprocess.Popen(
        [sys.executable, "-S", str(_STOPWATCH), str(limit), *argv],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        out, _ = watch.communicate()
    except BaseException:
        watch.terminate()
        watch.wait()
        raise
    if watch.returncode != 0:
        raise LabError(f"{' '.join(argv[:6])} could not be measured")
    data = json.loads(out)
    lines = tuple((at, line) for at, line in data["lines"])
    if data["code"] != 0:
        words = "\n".join(line for _, line in lines[-40:])
        raise LabError(f"{' '.join(argv[:6])}: exit {data['code']} after {data['seconds']:.0f} s:\n{words}")
    return Measured(data["seconds"], data["rss"], lines)
