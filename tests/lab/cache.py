"""The cache of slow things.

An entry is a directory named NAME-KEY, where KEY is a hash of everything that decides its content. It is built under
a temporary name and renamed when it is whole: what stands under its own name is complete, so a build that was
interrupted starts again cleanly, and two branches' entries stand side by side.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.paths import cache_dir
from tests.lab.progress import waiting_for


def key_of(*inputs: object) -> str:
    """A short hash of inputs that json can print."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file; a second process says what it waits for. The kernel frees it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with waiting_for(f"another process holds the lock of {what} ({path})"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def kept(name: str, key: str) -> Path | None:
    """The directory of the entry NAME-KEY where it is there; nothing is built."""
    wanted = cache_dir() / f"{name}-{key}"
    return wanted if wanted.is_dir() else None


def entry(name: str, key: str, build: Callable[[Path], None]) -> Path:
    """The directory of the entry NAME-KEY, made by `build(directory)` if it is not there yet."""
    root = cache_dir()
    wanted = root / f"{name}-{key}"
    if wanted.is_dir():
        return wanted
    with locked(root / f".{name}.lock", name):
        if wanted.is_dir():
            return wanted
        started = root / f".{name}-{key}.building"
        if started.exists():
            shutil.rmtree(started)
        started.mkdir()
        with waiting_for(f"building {name}"):
            build(started)
        started.rename(wanted)
    return wanted
