"""`kinstall preflight`: whether every machine is fit; nothing is changed."""

from __future__ import annotations

import argparse
import sys

from kinstall.cli.interrupt import loaded
from kinstall.errors import EXIT_PREFLIGHT
from kinstall.operations.preflight import judge
from kinstall.preflight.judge import errors
from kinstall.terminal.connectivity import show_preflight


def preflight(chosen: argparse.Namespace) -> int:
    spec, options = loaded(chosen)
    with options.session(spec) as session:
        told = judge(session, options.state)
    show_preflight(told.findings, told.matrix, sys.stdout, chosen.output, everything=chosen.all)
    return EXIT_PREFLIGHT if errors(told.findings) else 0
