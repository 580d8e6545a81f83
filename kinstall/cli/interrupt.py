"""What the commands share: the spec and the options of a command line, and Ctrl+C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from kinstall.answers.load import load
from kinstall.cluster import ClusterSpec
from kinstall.operations.options import Options, options_for

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def loaded(chosen: argparse.Namespace) -> tuple[ClusterSpec, Options]:
    """The spec of the answers file, and options with a session that shares one set of secrets."""
    spec = load(chosen.answers)
    return spec, options_for(spec, chosen.state, parallel=chosen.parallel)


class interruptible:  # noqa: N801 - reads as what it does
    """Ctrl+C asks the run to stop at its next step; a second one ends the program at once.

    Python runs a signal's handler in the main thread only, and not before it comes back from what it waits for when the
    signal falls between its last look and its wait. So a thread of its own hears of it (signal.set_wakeup_fd).
    """

    def __init__(self, cancel: threading.Event) -> None:
        self.cancel = cancel

    def __enter__(self) -> None:
        self.read, self.write = os.pipe()
        os.set_blocking(self.write, False)
        # In this order, and at the end in the other: no signal in between is lost.
        self.before_fd = signal.set_wakeup_fd(self.write, warn_on_full_buffer=False)
        self.before = {number: signal.signal(number, _heard_elsewhere) for number in _STOPPING}
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self.before_fd)
        os.close(self.write)
        self.listener.join()
        os.close(self.read)

    def _listen(self) -> None:
        while signals := os.read(self.read, 1):
            if signals[0] in _STOPPING:
                self._stop(signals[0])

    def _stop(self, number: int) -> None:
        if self.cancel.is_set():
            os._exit(128 + number)
        self.cancel.set()  # first: nobody may be there to read the words
        print("\nstopping at the next step; once more ends at once", file=sys.stderr)


def _heard_elsewhere(number: int, frame: object) -> None:
    """Without a handler of Python's the system's would end the program."""
