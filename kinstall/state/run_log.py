"""The log of a run: every event with its time, one JSON object per line, in the state folder and only for its owner."""

from __future__ import annotations

import json
import os
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TextIO

from kinstall.engine.events import Event, OutputLine, Sink, as_dict

KEPT = 20
_NAME = re.compile(r"\d{8}T\d{6}Z-[a-z]+(-\d+)?\.log")


class RunLog:
    """A sink that writes `runs/YYYYmmddTHHMMSSZ-COMMAND.log` (0600) and keeps the newest 20 of them.

    A log that cannot be written never stops a run: `error` then says why it ends early (or was not begun).
    """

    def __init__(self, runs: Path, command: str, *, now: datetime | None = None) -> None:
        self.error = ""
        self.path = runs / f"{_stamp(now)}-{command}.log"
        self._lock = threading.Lock()
        self._file: TextIO | None = None
        try:
            self._file = self._open(runs, command, now)
            prune(runs)
        except OSError as error:
            self._give_up(error)

    def __call__(self, event: Event) -> None:
        line = json.dumps({"time": _now(), **as_dict(event)})
        with self._lock:
            if self._file is None:
                return
            try:
                self._file.write(line + "\n")
                # A log ends where the run was killed, but thousands of output lines need not each reach the disk.
                if not isinstance(event, OutputLine):
                    self._file.flush()
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                try:
                    self._file.close()
                except OSError as error:
                    self.error = f"{self.path}: {error.strerror}"
                self._file = None

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, runs: Path, command: str, now: datetime | None) -> TextIO:
        for attempt in range(1, 100):
            try:
                handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except FileExistsError:  # two runs in one second
                self.path = runs / f"{_stamp(now)}-{command}-{attempt + 1}.log"
            else:
                return os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace")
        raise FileExistsError(17, "there are already a hundred logs of this second")

    def _give_up(self, error: OSError) -> None:
        self.error = f"{self.path}: {error.strerror}"
        self._file = None


def prune(runs: Path, keep: int = KEPT) -> None:
    """Remove all but the newest `keep` logs; files with other names are left alone."""
    for path in logs(runs)[:-keep]:
        path.unlink(missing_ok=True)


def logs(runs: Path) -> list[Path]:
    """The logs in a folder, the oldest first; none where there is no such folder."""
    return sorted(path for path in runs.glob("*.log") if _NAME.fullmatch(path.name))


def tee(*sinks: Sink) -> Sink:
    """One sink that gives each event to all of them, in order."""

    def put(event: Event) -> None:
        for sink in sinks:
            sink(event)

    return put


def _stamp(now: datetime | None) -> str:
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
