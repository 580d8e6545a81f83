"""A program in a real terminal: started in tmux, driven with keys, and read off its screen."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4


class Terminal:
    """One tmux server with one window of `size` (columns, lines), for one command; a context manager."""

    def __init__(
        self, command: Sequence[str], size: tuple[int, int], *, cwd: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self._server = ["tmux", "-L", f"kinstall-{uuid4().hex[:12]}", "-f", "/dev/null"]
        self._command, self._size, self._cwd = list(command), size, cwd
        # COLUMNS and LINES, where a caller's shell exports them, would hide this terminal's size from the program.
        kept = {name: value for name, value in (env or os.environ).items() if name not in ("COLUMNS", "LINES")}
        self._env = {**kept, "TERM": "screen-256color", "LC_ALL": "C.UTF-8"}

    def __enter__(self) -> Terminal:
        columns, lines = map(str, self._size)
        # The window outlives its program, so that its last words can be read; and so does what it ended with.
        line = f'{shlex.join(self._command)}; echo "[ended $?]"; sleep 3600'
        self._tmux("new-session", "-d", "-x", columns, "-y", lines, "-c", str(self._cwd), line)
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server", check=False)

    def press(self, *keys: str, pause: float = 0.1) -> None:
        """Keys by tmux's names: `C-n`, `Enter`, `Tab`, `Escape`, `F2`, `Down`, or a character."""
        for key in keys:
            self._tmux("send-keys", key)
            time.sleep(pause)

    def kill(self) -> None:
        """SIGKILL to the program; its window stays."""
        shell = self._tmux("list-panes", "-F", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)

    def type(self, text: str) -> None:
        """Text, as if it were typed."""
        self._tmux("send-keys", "-l", text)
        time.sleep(0.2)

    def paste(self, text: str) -> None:
        """Text, as a terminal pastes it (bracketed)."""
        self._tmux("set-buffer", "-b", "pasted", text)
        self._tmux("paste-buffer", "-p", "-d", "-b", "pasted")
        time.sleep(0.3)

    def screen(self, *, colours: bool = False) -> str:
        """What is on the screen now."""
        return self._tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def wait_for(self, pattern: str, seconds: float = 60, gone: bool = False) -> str:
        """Wait until the screen shows `pattern` (or, with `gone`, does not); returns the screen."""
        end = time.monotonic() + seconds
        while True:
            shown = self.screen()
            if bool(re.search(pattern, shown)) is not gone:
                return shown
            what = "is still" if gone else "is not"
            assert time.monotonic() < end, f"{pattern!r} {what} on the screen after {seconds:g} s:\n{shown}"
            time.sleep(0.2)

    def _tmux(self, *words: str, check: bool = True) -> str:
        ran = subprocess.run(
            [*self._server, *words], env=self._env, check=check, capture_output=True, text=True, timeout=30
        )
        return ran.stdout
