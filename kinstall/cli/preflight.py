"""`kinstall preflight`: whether every machine is fit; nothing is changed."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from kinstall.cli.interrupt import loaded
from kinstall.errors import EXIT_PREFLIGHT
from kinstall.operations.preflight import preflight as ask_and_judge
from kinstall.preflight.judge import errors
from kinstall.terminal.connectivity import show_preflight


def preflight(chosen: argparse.Namespace) -> int:
    spec, options = loaded(chosen)
    with closing(options.session(spec)) as session:
        result = ask_and_judge(session, options.state)
    findings, matrix = options.secrets.redactor.event((result.findings, result.matrix))
    show_preflight(findings, matrix, sys.stdout, chosen.output, everything=chosen.all, by_node=chosen.by_node)
    return EXIT_PREFLIGHT if errors(findings) else 0
