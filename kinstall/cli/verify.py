"""`kinstall verify`: whether the running cluster works."""

from __future__ import annotations

import argparse
import sys
import threading

from kinstall.cli.interrupt import interruptible, loaded
from kinstall.errors import EXIT_VERIFY
from kinstall.operations.verify import verify_only
from kinstall.terminal.tables import show_verify
from kinstall.verify import any_failed


def verify(chosen: argparse.Namespace) -> int:
    spec, options = loaded(chosen)
    cancel = threading.Event()
    with interruptible(cancel):
        results = options.secrets.redactor.event(verify_only(spec, options, cancel=cancel))
    show_verify(results, sys.stdout, chosen.output)
    return EXIT_VERIFY if any_failed(results) else 0
