"""Telling a person what the lab waits for. All of it goes to stderr: stdout is for `--json`."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_EVERY = 15.0
_write = threading.Lock()


def say(text: str) -> None:
    with _write:
        print(f"lab: {text}", file=sys.stderr, flush=True)


@contextmanager
def waiting_for(what: str, *, quiet_under: float = 0.0) -> Iterator[None]:
    """Name a wait, repeat it every 15 s with the time elapsed, and close with the time it took.

    Waits that end within `quiet_under` seconds are not mentioned at all.
    """
    started = time.monotonic()
    over = threading.Event()
    if not quiet_under:
        say(f"{what} …")

    def remind() -> None:
        while not over.wait(_EVERY):
            say(f"{what} … {time.monotonic() - started:.0f} s")

    reminder = threading.Thread(target=remind, name="lab-progress", daemon=True)
    reminder.start()
    try:
        yield
    except BaseException:
        say(f"{what}: failed after {time.monotonic() - started:.1f} s")
        raise
    else:
        if (seconds := time.monotonic() - started) >= quiet_under:
            say(f"{what}: {seconds:.1f} s")
    finally:
        over.set()
