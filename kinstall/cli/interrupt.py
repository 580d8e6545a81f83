"""What the commands share: the spec and the options of a command line, and Ctrl+C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kinstall.answers.load import load
from kinstall.cluster import ClusterSpec
from kinstall.operations.options import Options, options_for
from kinstall.secrets import Secrets

LISTENER = "kinstall-signals"
"""Name of the thread that waits for signals."""
_STOPPING = (signal.SIGINT, signal.SIGTERM)


def loaded(chosen: argparse.Namespace, *, to_remove: bool = False) -> tuple[ClusterSpec, Options]:
    """The spec of the answers file, and options with a session that shares one set of secrets."""
    spec = load(chosen.answers, to_remove=to_remove)
    return spec, options_for(spec, chosen.state, Secrets(chosen.redactor), chosen.parallel)


@contextmanager
def interruptible(cancel: threading.Event) -> Iterator[None]:
    """Ctrl+C asks the run to stop at its next step; a second one ends the program at once.

    Python runs a signal's handler in the main thread only, and when the signal arrives just before that thread waits
    for something, not before the wait is over. So a thread of its own is notified (signal.set_wakeup_fd).
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    # In this order, and at the end in reverse: no signal in between is lost.
    previous_fd = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    previous = {number: signal.signal(number, _ignore) for number in _STOPPING}
    listener = threading.Thread(target=_listen, args=(read, cancel), name=LISTENER, daemon=True)
    listener.start()
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(previous_fd)
        os.close(write)
        listener.join()
        os.close(read)


def _listen(pipe: int, cancel: threading.Event) -> None:
    while signals := os.read(pipe, 1):
        if signals[0] not in _STOPPING:
            continue
        if cancel.is_set():
            os._exit(128 + signals[0])
        cancel.set()  # first: standard error may be gone
        print("\nstopping after the current step; press Ctrl+C again to end at once", file=sys.stderr)


def _ignore(number: int, frame: object) -> None:
    """The listener does the work; without a Python handler the system's default would end the program."""
