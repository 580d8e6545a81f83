"""One program on one node."""

from __future__ import annotations

from kinstall.transport.budget import Lines
from kinstall.transport.channel import Channel
from kinstall.verify.records import Record, parse

SILENCE = 60.0
"""Seconds without a line until a node counts as lost; every program prints something or ends before."""

MOST_BYTES, MOST_LINES, SECONDS = 256 << 20, 8_000_000, 1200.0
"""kubectl's list of a thousand nodes and their pods is a tenth of it."""


def ask(channel: Channel, program: str, payload: bytes = b"") -> tuple[Record, ...]:
    """Run a program and read its records; raises what the channel raises."""
    output = Lines(channel.node, MOST_BYTES, MOST_LINES, SECONDS, longest=0)
    channel.execute(program, [payload] if payload else (), on_line=output.add, timeout=SILENCE)
    return parse(output.lines)
