"""`kinstall plan`: what a replay would change, with diffs."""

from __future__ import annotations

import argparse
import sys

from kinstall.answers.load import dump, load
from kinstall.cli.interrupt import loaded
from kinstall.operations.plan import plan_only
from kinstall.terminal.tables import show_findings, show_plan


def plan(chosen: argparse.Namespace) -> int:
    if chosen.show_defaults:
        print(dump(load(chosen.answers), show_defaults=True), end="")
        return 0
    spec, options = loaded(chosen)
    findings, changes = options.secrets.redactor.event(plan_only(spec, options))
    if chosen.output == "text":
        show_findings(findings, sys.stderr)
    show_plan(changes, [node.name for node in spec.nodes], sys.stdout, chosen.output)
    return 0
