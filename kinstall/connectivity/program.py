"""The two programs of the matrix: one that listens on a node, one that opens connections from it. Pure text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from shlex import quote

from kinstall.cluster.subnets import parse_address
from kinstall.connectivity.required import TCP, UDP, Port

LISTEN_SECONDS = 40
"""How long listeners live at most, if nothing ends them."""

LONGEST = 200_000
"""Characters of a line that a listener reads: more than twice the largest MTU."""

UDP_HEADERS = 28
"""Bytes: IPv4 and UDP."""


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to try: `large` also sends what fills packets of `mtu` bytes."""

    address: str
    port: Port
    large: bool = False


def listen_program(address: str, ports: Iterable[Port], token: str, sources: int) -> str:
    """sh code that listens on the node's `address` until its input ends. See listen.sh for what it prints.

    Where `ports` say that they fill packets, what is sent there is read and answered. `token`: of this run; what does
    not have it is not printed. `sources`: how many nodes send; what is read is bounded by that.
    """
    each = sorted(ports)
    settings = {
        "ip": address,
        "hex": _hex(address),
        "tcp": " ".join(str(port.number) for port in each if port.protocol == TCP),
        "fill": " ".join(str(port.number) for port in each if port.fills),
        "udp": " ".join(str(port.number) for port in each if port.protocol == UDP),
        "seconds": str(LISTEN_SECONDS),
        "token": token,
        "bytes": str(LONGEST),
        # Each sends four, and again where something is blocked.
        "datagrams": str(1000 + 16 * sources),
        # A process per connection, for a moment; nodes of a test share the machine.
        "processes": str(2000 + 4 * sources),
    }
    return "".join(f"{name}={quote(value)}\n" for name, value in settings.items()) + _text("listen.sh")


def connect_program(node: str, token: str) -> str:
    """sh code that does what calls() says on its input. `token`: of this run, in all that is sent."""
    code = f"me={quote(node)} token={quote(token)}\n{_text('connect.sh')}"
    return (
        "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin\nLC_ALL=C\nexport LC_ALL PATH\n"
        "command -v bash >/dev/null || { echo 'missing bash'; exit 0; }\n"
        f"exec bash -c {quote(code)}\n"
    )


def calls(wanted: Iterable[Call], mtu: int) -> bytes:
    """The input of connect_program(). `mtu`: of the node's own interface, in bytes."""
    lines = []
    for call in wanted:
        if call.port.protocol == UDP:
            lines.append(f"udp {call.address} {call.port.number} {mtu - UDP_HEADERS}")
        else:
            # More than one packet's worth, so that the first one is full.
            lines.append(f"tcp {call.address} {call.port.number} {2 * mtu if call.large else 0}")
    return "".join(f"{line}\n" for line in lines).encode()


def _hex(address: str) -> str:
    """An IPv4 address as /proc/net/tcp has it on the usual little-endian machines."""
    return parse_address(address).packed[::-1].hex().upper()


@cache
def _text(name: str) -> str:
    return files("kinstall.connectivity").joinpath(name).read_text(encoding="utf-8")
