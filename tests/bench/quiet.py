"""Waiting for an idle machine: figures of a busy one mean little."""

from __future__ import annotations

import time
from pathlib import Path

from tests.lab.progress import say

_IDLE = 0.3
_SAMPLE = 1.0


class Quiet:
    """`wait` returns when the processors are idle for a second, or when all its waits together took `limit` seconds."""

    def __init__(self, limit: float) -> None:
        self._left = limit

    def wait(self) -> None:
        started = time.monotonic()
        while (share := _busy()) > _IDLE:
            if time.monotonic() - started > self._left:
                say(f"this machine is busy ({share:.0%}): so the figures will be")
                break
        self._left -= time.monotonic() - started


def _busy() -> float:
    """The share of processor time that is used, measured for a second."""
    before = _ticks()
    time.sleep(_SAMPLE)
    busy, idle = (after - then for after, then in zip(_ticks(), before, strict=True))
    return busy / (busy + idle) if busy + idle else 0.0


def _ticks() -> tuple[int, int]:
    """(used, idle) since boot; proc(5): user, nice, system, idle, iowait, irq, softirq, steal."""
    values = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = values[3] + values[4]
    return sum(values) - idle, idle
