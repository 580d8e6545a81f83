"""The commands behind the command line: each takes its parsed arguments and returns an exit code."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module

_MODULES = {"cluster": ("plan", "preflight", "replay", "reset", "verify"), "files": ("render", "routes", "schema")}
_MODULE = {command: module for module, commands in _MODULES.items() for command in commands}


def command(name: str) -> Callable[[argparse.Namespace], int]:
    """The function of a command, in the module of its name where none is told above. Only that module is loaded: the
    wizard's first screen need not wait for what a replay needs."""
    found: Callable[[argparse.Namespace], int] = getattr(import_module(f"{__name__}.{_MODULE.get(name, name)}"), name)
    return found
