"""What a run looks like without the wizard: a live display on a terminal, plain lines, or JSON.

    with make_sink("text", sys.stdout, sys.stdout.isatty()) as sink:
        install(spec, sink, …)

`make_sink` imports what it needs only then: `--output json` starts without rich.
"""

from __future__ import annotations

import os
from typing import TextIO

from kinstall.terminal.stream import RunSink

__all__ = ["RunSink", "make_sink"]


def make_sink(output: str, stream: TextIO, is_terminal: bool, *, quiet: bool = False) -> RunSink:
    """The sink for `--output` (text or json): live if text goes to a terminal that can move its cursor.

    `quiet` shows warnings, what failed and the end only.

    The sink is a context manager: it draws from `__enter__` on, and leaves the last state on the screen at `__exit__`.
    """
    if output == "json":
        from kinstall.terminal.json_lines import JsonLines

        return JsonLines(stream)
    if is_terminal and not quiet and os.environ.get("TERM", "").lower() not in ("", "dumb", "unknown"):
        from kinstall.terminal.display import LiveDisplay

        return LiveDisplay(stream)
    from kinstall.terminal.plain_lines import PlainLines

    return PlainLines(stream, quiet=quiet)
