"""`kinstall render`: every file of every node in a folder; no node is asked."""

from __future__ import annotations

import argparse
from pathlib import Path

from kinstall.answers.load import load
from kinstall.operations.render import render as render_files


def render(chosen: argparse.Namespace) -> int:
    written = render_files(load(chosen.answers), Path(chosen.folder))
    print(f"{len(written)} files below {chosen.folder}, made with throw-away keys")
    return 0
