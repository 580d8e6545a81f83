"""The wizard under a flood of events, as a program for a terminal: `python -m tests.bench.wizard_app RESULT SECONDS`.

The Install screen shows a run of 200 nodes that tells 5,000 events per second from several threads. After SECONDS what
was measured is written to RESULT; the flood goes on until somebody quits.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from kinstall.cli.wizard import run
from kinstall.engine.events import Outcome, OutputLine, PhaseStarted, RunStarted, StepFinished, StepStarted
from kinstall.operations.options import Report
from screens.app import WizardApp
from screens.draft.draft import Draft
from screens.services import Emit, Prompt, RealServices

NODES, PER_SECOND, THREADS = 200, 5000, 8
_BATCH = 0.01
_LINES = 6
"""Lines that each step says."""

_TICK = 0.01
_SETTLED = 6.0
"""Seconds after which memory shall not grow any more."""


class Flood(RealServices):
    """A run that never ends by itself."""

    def replay(self, answers: Path, emit: Emit, stop: threading.Event, prompt: Prompt) -> Report:
        names = {f"n{number}": "worker" for number in range(NODES)}
        steps = 5000
        emit(RunStarted("r1", "replay", "bench", ("images",), names, steps * NODES, dict.fromkeys(names, steps)))
        for name in names:
            emit(PhaseStarted(name, "images", steps, steps))
        threads = [
            threading.Thread(target=_flood, args=(emit, list(names)[each::THREADS], stop), daemon=True)
            for each in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        raise AssertionError("the flood was stopped")


def _flood(emit: Emit, names: list[str], stop: threading.Event) -> None:
    """This thread's share of the events, evenly over its nodes."""
    at, sent, began = 0, 0, time.monotonic()
    while not stop.is_set():
        due = int((time.monotonic() - began) * PER_SECOND / THREADS)
        while sent < due:
            name, step = names[at % len(names)], f"image registry.example/part-{at // len(names) // (_LINES + 2)}:v1"
            turn = at // len(names) % (_LINES + 2)
            if turn == 0:
                emit(StepStarted(name, "images", step))
            elif turn <= _LINES:
                emit(OutputLine(name, "images", step, f"pulling layer {turn} of {step}: {sent} of {due} are here"))
            else:
                emit(StepFinished(name, "images", step, Outcome.CHANGED, 0.1))
            at, sent = at + 1, sent + 1
        time.sleep(_BATCH)


class Measured(WizardApp):
    """Begins the run by itself, and measures how late its loop is."""

    def __init__(self, draft: Draft, result: Path, seconds: float) -> None:
        super().__init__(draft, Flood())
        self._result, self._seconds = result, seconds

    async def on_mount(self) -> None:
        await super().on_mount()
        self.run_worker(self._measure(), group="measure")

    async def _measure(self) -> None:
        await self.action_go("install")
        await asyncio.sleep(0.5)
        self.screen.begin()  # type: ignore[attr-defined]
        while not self.run_of_nodes.model.progress.nodes:
            await asyncio.sleep(0.05)
        late: list[float] = []
        began = time.monotonic()
        settled = 0.0
        while (now := time.monotonic()) < began + self._seconds:
            await asyncio.sleep(_TICK)
            late.append(time.monotonic() - now - _TICK)
            if not settled and now > began + _SETTLED:
                settled = _resident()
        late.sort()
        progress = self.run_of_nodes.model.progress
        data: dict[str, Any] = {
            "p50": late[len(late) // 2],
            "p99": late[int(len(late) * 0.99)],
            "events": progress.done * (_LINES + 2) / self._seconds,
            "rss": _resident(),
            "grown": _resident() - settled,
        }
        self._result.write_text(json.dumps(data))


def _resident() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    nodes = "".join(
        f"- {{name: n{number}, address: 10.1.{number // 250}.{number % 250 + 1}, "
        f"role: {'worker' if number else 'control-plane'}}}\n"
        for number in range(NODES)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.yaml"
        path.write_text(f"clusterName: bench\nnodes:\n{nodes}")
        run(Measured(Draft.load(path), Path(sys.argv[1]), float(sys.argv[2])))


if __name__ == "__main__":
    main()
