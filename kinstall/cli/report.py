"""`kinstall report`: the last run as one HTML page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kinstall.answers.load import load
from kinstall.report import newest_state, write
from kinstall.state.folder import StateFolder
from kinstall.terminal.tables import show_json


def report(chosen: argparse.Namespace) -> int:
    """Of the cluster of these answers, of a state folder, or of the cluster that was worked on last."""
    if chosen.answers:
        state = StateFolder.of(load(chosen.answers).cluster_name, chosen.state)
    elif chosen.state:
        state = StateFolder.of("", chosen.state)
    else:
        state = newest_state()
    written = write(state, Path(chosen.file).expanduser() if chosen.file else None, chosen.answers or "")
    if chosen.output == "json":
        show_json({"report": str(written)}, sys.stdout)
    else:
        print(written)
    return 0
