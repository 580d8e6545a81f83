"""`kinstall schema`: the answers file's JSON Schema."""

from __future__ import annotations

import argparse
import json

from kinstall.answers.schema import schema as schema_data


def schema(chosen: argparse.Namespace) -> int:
    print(json.dumps(schema_data(), indent=2))
    return 0
