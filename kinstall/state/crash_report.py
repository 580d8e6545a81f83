"""What is left of an exception that nobody expected: one sentence, and a file to send along, without any secret."""

from __future__ import annotations

import platform
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from kinstall import __version__, files
from kinstall.errors import InternalError
from kinstall.state.folder import state_home

KEPT = 10


def internal_error(error: BaseException, doing: str, *, kept: str = "") -> InternalError:
    """The sentence for the operator. `doing`: the command or the job; `kept`: what became of unsaved work.

    A report is written to `.crashes/` in the state home, readable by its owner only; the newest ten are kept.
    """
    what = f"{doing} ended unexpectedly: {type(error).__name__}; this is a bug in kinstall"
    remedy = "please report it"
    try:
        path = _write(report(error, doing))
    except OSError as failure:
        remedy += f" (no report could be written: {failure.strerror})"
    else:
        remedy += f" with {path}, which has no secrets and no answers in it"
    return InternalError(what, f"{kept}; {remedy}" if kept else remedy)


def report(error: BaseException, doing: str) -> str:
    """Versions, and the lines of code that led to the exception.

    Local variables and the exception's own words are left out: both may repeat an answer, a secret or a node's words.
    """
    head = f"kinstall {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return "\n".join([head, f"{_now():%Y-%m-%d %H:%M:%S} UTC, {doing}", "", *_lines(error)]) + "\n"


def _lines(error: BaseException) -> Iterator[str]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield f"{type(cause).__module__}.{type(cause).__qualname__}"
        for frame in traceback.extract_tb(cause.__traceback__):
            yield f"  {_place(frame.filename)}:{frame.lineno} in {frame.name}: {frame.line or ''}".rstrip(": ")
        cause = cause.__cause__ or cause.__context__
        if cause is not None:
            yield "after"


def _place(path: str) -> str:
    """A file's path from its package on: where it is installed says who installed it."""
    best = max((folder for folder in sys.path if folder and path.startswith(f"{folder}/")), key=len, default="")
    return path[len(best) + 1 :] if best else Path(path).name


def _write(text: str) -> Path:
    folder = state_home() / "kinstall" / ".crashes"
    files.make_folder(folder)
    path = folder / f"{_now():%Y%m%dT%H%M%S.%fZ}.txt"
    files.write(path, text, 0o600)
    for old in sorted(folder.glob("*.txt"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def _now() -> datetime:
    return datetime.now(UTC)
