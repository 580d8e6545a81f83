"""One program, run to its end and measured as a whole: wall time and peak memory, its start and imports included."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.shell import LabError


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
    lines: list[tuple[float, str]] = []
    started = time.monotonic()
    running = subprocess.Popen(
        argv,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    overdue = threading.Timer(limit, os.killpg, (running.pid, signal.SIGKILL))
    overdue.start()
    try:
        assert running.stdout
        lines.extend((time.monotonic() - started, line.rstrip("\n")) for line in running.stdout)
        _, status, usage = os.wait4(running.pid, 0)
        seconds = time.monotonic() - started
        running.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        os.killpg(running.pid, signal.SIGKILL)
        raise
    finally:
        overdue.cancel()
    if running.returncode != 0:
        words = "\n".join(line for _, line in lines[-40:])
        raise LabError(f"{' '.join(argv[:6])}: exit {running.returncode} after {seconds:.0f} s:\n{words}")
    return Measured(seconds, _megabytes(usage), tuple(lines))


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
