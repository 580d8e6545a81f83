"""The commands behind the command line: each takes its parsed arguments and returns an exit code."""

from kinstall.commands.cluster import plan, preflight, replay, reset, verify
from kinstall.commands.files import render, routes, schema
from kinstall.commands.rehearse import rehearse
from kinstall.commands.report import report
from kinstall.commands.trust import trust
from kinstall.commands.wizard import wizard

__all__ = [
    "plan",
    "preflight",
    "rehearse",
    "render",
    "replay",
    "report",
    "reset",
    "routes",
    "schema",
    "trust",
    "verify",
    "wizard",
]
