"""One program on one node."""

from __future__ import annotations

from kinstall.transport.channel import Channel
from kinstall.verify.records import Record, parse

SILENCE = 60.0
"""Seconds without a line until a node counts as lost; every program prints something or ends before."""


def ask(channel: Channel, program: str, payload: bytes = b"") -> tuple[Record, ...]:
    """Run a program and read its records; raises what the channel raises."""
    lines: list[str] = []
    channel.execute(program, [payload] if payload else (), on_line=lines.append, timeout=SILENCE)
    return parse(lines)
