"""`kinstall render`: every file of every node in a folder; no node is asked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kinstall.answers.load import load
from kinstall.operations.render import render as render_files
from kinstall.terminal.tables import show_json


def render(chosen: argparse.Namespace) -> int:
    written = render_files(load(chosen.answers), Path(chosen.folder))
    if chosen.output == "json":
        folder = Path(chosen.folder)
        show_json({"folder": str(folder), "files": [str(each.relative_to(folder)) for each in written]}, sys.stdout)
        return 0
    print(f"{len(written)} files below {chosen.folder}, made with throw-away keys")
    return 0
