"""A program on a bare Linux console: a virtual terminal of the kernel (console_codes(4), vcs(4), ioctl_console(2))."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_OPENQRY, _DISALLOCATE = 0x5600, 0x5608


def missing() -> str:
    """Why there is no console to use here; empty where there is one."""
    try:
        os.close(os.open("/dev/tty0", os.O_RDWR))
        Path("/dev/vcsu1").read_bytes()
    except OSError as error:
        return f"no virtual terminal of the kernel: {error}"
    return ""


class Console:
    """A free virtual terminal with one program on it; a context manager. Nobody sees it: it is not switched to."""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._command, self._cwd = list(command), cwd
        self._env = {**env, "TERM": "linux"}
        self.code: int | None = None

    def __enter__(self) -> Console:
        self._first = os.open("/dev/tty0", os.O_RDWR | os.O_NOCTTY)
        self._number = struct.unpack("i", fcntl.ioctl(self._first, _OPENQRY, struct.pack("i", 0)))[0]
        self._tty = os.open(f"/dev/tty{self._number}", os.O_RDWR | os.O_NOCTTY)
        rows, self._columns = struct.unpack("HHHH", fcntl.ioctl(self._tty, termios.TIOCGWINSZ, bytes(8)))[:2]
        assert (rows, self._columns) >= (24, 80)
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.setsid()
                own = os.open(f"/dev/tty{self._number}", os.O_RDWR)
                fcntl.ioctl(own, termios.TIOCSCTTY, 0)
                for number in (0, 1, 2):
                    os.dup2(own, number)
                os.chdir(self._cwd)
                os.execvpe(self._command[0], self._command, self._env)  # noqa: S606
            finally:
                os._exit(127)
        return self

    def __exit__(self, *_: object) -> None:
        if self.code is None:
            os.kill(self._pid, 9)
            os.waitpid(self._pid, 0)
        os.close(self._tty)
        end = time.monotonic() + 5
        while True:
            try:
                fcntl.ioctl(self._first, _DISALLOCATE, self._number)
                break
            except OSError:  # the end of its session is not through yet
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        os.close(self._first)

    def press(self, keys: str) -> None:
        """Put bytes into the terminal's input, as its keyboard does (TIOCSTI)."""
        for each in keys.encode():
            fcntl.ioctl(self._tty, termios.TIOCSTI, bytes([each]))

    def screen(self) -> str:
        """What stands there, in lines."""
        text = Path(f"/dev/vcsu{self._number}").read_bytes().decode("utf-32-le")
        return "\n".join(text[at : at + self._columns] for at in range(0, len(text), self._columns))

    def colours(self) -> set[int]:
        """Those of letters and grounds that are in use (0 to 15, as of the VGA's attributes)."""
        attributes = Path(f"/dev/vcsa{self._number}").read_bytes()[5::2]
        return {attribute & 15 for attribute in attributes} | {attribute >> 4 for attribute in attributes}

    def wait_for(self, text: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while text not in self.screen():
            assert time.monotonic() < end, f"{text!r} is not on the screen:\n{self.screen()}"
            time.sleep(0.1)

    def wait_for_end(self, seconds: float = 10) -> int:
        """The program's exit code."""
        end = time.monotonic() + seconds
        while (found := os.waitpid(self._pid, os.WNOHANG))[0] == 0:
            assert time.monotonic() < end, f"it has not ended:\n{self.screen()}"
            time.sleep(0.05)
        self.code = os.waitstatus_to_exitcode(found[1])
        return self.code
