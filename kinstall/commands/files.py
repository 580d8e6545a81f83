"""The commands that need no node: render and schema."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kinstall.answers import load
from kinstall.render import render as render_files
from kinstall.schema import schema as schema_data


def render(chosen: argparse.Namespace) -> int:
    written = render_files(load(chosen.answers), Path(chosen.folder))
    print(f"{len(written)} files below {chosen.folder}, made with throw-away keys")
    return 0


def schema(chosen: argparse.Namespace) -> int:
    print(json.dumps(schema_data(), indent=2))
    return 0
