"""What the commands share: the spec and the options of a command line, and Ctrl+C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from kinstall.answers import load
from kinstall.install import Options, options_for
from kinstall.spec import ClusterSpec


def loaded(chosen: argparse.Namespace) -> tuple[ClusterSpec, Options]:
    """The spec of the answers file, and options with a session that shares one set of secrets."""
    spec = load(chosen.answers)
    return spec, options_for(spec, chosen.state, parallel=chosen.parallel)


class interruptible:  # noqa: N801 - reads as what it does
    """Ctrl+C asks the run to stop at its next step; a second one ends the program at once."""

    def __init__(self, cancel: threading.Event) -> None:
        self.cancel = cancel

    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGINT, self._stop)
        self.before_term = signal.signal(signal.SIGTERM, self._stop)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self.before)
        signal.signal(signal.SIGTERM, self.before_term)

    def _stop(self, number: int, frame: object) -> None:
        if self.cancel.is_set():
            os._exit(128 + number)
        print("\nstopping at the next step; once more ends at once", file=sys.stderr)
        self.cancel.set()
