"""The wizard in a real pseudo-terminal: how soon it is there, how late its loop is under load, how soon it is gone."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Row, Target, find
from tests.bench.quiet import Quiet
from tests.bench.wizard_app import NODES, PER_SECOND

GROUP = "wizard"
SECONDS = 10.0
_WAY = f"{NODES} nodes, {PER_SECOND:,} events/s for {SECONDS:g} s"
_FIRST, _LATE, _HALF, _QUIT = "first screen", "loop late, 99 of 100", "loop late, half", "from Quit to the end"
_GROWN = "memory, more after 10 s than after 6 s"
_DEADLINE = 120.0
_SIZE = struct.pack("HHHH", 40, 120, 0, 0)


def measure(runs: int, repository: Path, quiet: Quiet) -> list[Row]:
    """Rows of `runs` runs each."""
    first, late, half, gone, grown, rss = [], [], [], [], [], []
    for _ in range(runs):
        quiet.wait()
        first.append(_first_screen(repository))
        quiet.wait()
        data, seconds = _flooded(repository)
        late.append(data["p99"])
        half.append(data["p50"])
        grown.append(max(0.0, data["grown"]))
        rss.append(data["rss"])
        gone.append(seconds)
    return [
        Row(GROUP, "kinstall without arguments", _FIRST, tuple(first)),
        Row(GROUP, _WAY, _HALF, tuple(half)),
        Row(GROUP, _WAY, _LATE, tuple(late), max(rss)),
        Row(GROUP, _WAY, _GROWN, tuple(grown), max(rss)),
        Row(GROUP, _WAY, _QUIT, tuple(gone)),
    ]


def targets(rows: Sequence[Row]) -> list[Target]:
    wanted = (
        ("wizard: seconds to the first screen", "kinstall without arguments", _FIRST, 0.6),
        (f"wizard: seconds that its loop is late at the 99th percentile, {_WAY}", _WAY, _LATE, 0.1),
        ("wizard: MB that its memory grows by in the last 4 s of that", _WAY, _GROWN, 4.0),
        ("wizard: seconds from Quit to the program's end, in the middle of that", _WAY, _QUIT, 0.5),
    )
    found = ((what, find(rows, GROUP, way, name), limit) for what, way, name, limit in wanted)
    return [Target(what, row.median, limit) for what, row, limit in found if row]


class _Terminal:
    """A program in a pseudo-terminal of 120×40; what it writes is read and only searched."""

    def __init__(self, words: Sequence[str], repository: Path, home: str) -> None:
        self.began = time.monotonic()
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.chdir(home)
            env = {**os.environ, "TERM": "xterm-256color", "XDG_STATE_HOME": home, "PYTHONPATH": str(repository)}
            os.execve(sys.executable, [sys.executable, *words], env)  # noqa: S606
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, _SIZE)
        self._seen = b""

    def until(self, text: bytes) -> float:
        """Seconds from the start until the program has written `text`."""
        while text not in self._seen:
            assert self.read(0.5), f"the program ended without {text!r}: {self._seen[-2000:]!r}"
            assert time.monotonic() - self.began < _DEADLINE, self._seen[-2000:]
        return time.monotonic() - self.began

    def read(self, seconds: float) -> bool:
        """Take in what comes within some time; False at the program's end."""
        if select.select([self._master], [], [], seconds)[0]:
            try:
                piece = os.read(self._master, 1 << 16)
            except OSError:
                return False
            self._seen = self._seen[-(1 << 16) :] + piece
            return bool(piece)
        return True

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def end(self) -> float:
        """Seconds until the program has ended."""
        began = time.monotonic()
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            self.read(0.005)
            if time.monotonic() - began > _DEADLINE:
                os.kill(self.pid, signal.SIGKILL)
        os.close(self._master)
        return time.monotonic() - began


def _first_screen(repository: Path) -> float:
    with tempfile.TemporaryDirectory() as home:
        terminal = _Terminal(["-m", "kinstall"], repository, home)
        seconds = terminal.until(b"Open an answers file")
        terminal.press(b"\x11")
        terminal.end()
        return seconds


def _flooded(repository: Path) -> tuple[dict[str, float], float]:
    """What the program measured, and the seconds from the last key of Quit to its end."""
    with tempfile.TemporaryDirectory() as home:
        result = Path(home) / "result.json"
        terminal = _Terminal(["-m", "tests.bench.wizard_app", str(result), str(SECONDS)], repository, home)
        while not result.exists() or not result.read_text():
            assert terminal.read(0.2), "the wizard ended by itself"
            assert time.monotonic() - terminal.began < _DEADLINE
        data: dict[str, float] = json.loads(result.read_text())
        terminal.press(b"\x11")
        terminal.until(b"Leave")
        terminal.press(b"\x1b[B")
        for _ in range(5):
            terminal.read(0.1)
        terminal.press(b"\r")
        return data, terminal.end()
