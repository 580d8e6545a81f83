"""`kinstall example`: an answers file to start from."""

from __future__ import annotations

import argparse

from kinstall.answers import example as examples


def example(chosen: argparse.Namespace) -> int:
    """Without a name the smallest, which `kinstall example > demo.yaml` keeps; `--list` says what each is for."""
    if chosen.list:
        width = max(map(len, examples.names()))
        for name in examples.names():
            print(f"{name:{width}}  {examples.about(name)}")
        return 0
    print(examples.text(chosen.name), end="")
    return 0
