"""`kinstall report`: the last run as one self-contained HTML page, made from its log alone."""

from kinstall.report.page import VERIFY, Commands, headline_of, page
from kinstall.report.run import Run, read_log
from kinstall.report.writing import commands_for, last_run, newest_state, spec_of_run, write

__all__ = [
    "VERIFY",
    "Commands",
    "Run",
    "commands_for",
    "headline_of",
    "last_run",
    "newest_state",
    "page",
    "read_log",
    "spec_of_run",
    "write",
]
