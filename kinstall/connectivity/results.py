"""What the programs of the matrix print → what came of every connection. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kinstall.connectivity.required import UDP, Connection


class Result(StrEnum):
    OPEN = "open"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    DROPPED = "dropped"
    TOO_LARGE = "too large"
    UNKNOWN = "not asked"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one connection; `why`: the reason for one that was not tried."""

    connection: Connection
    result: Result
    why: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """All of it. `paths`: (source, target) → bytes that the way there bears, where the kernel learned of fewer than
    `mtus`, those of the nodes' own interfaces."""

    attempts: tuple[Attempt, ...] = ()
    paths: Mapping[tuple[str, str], int] = field(default_factory=dict)
    mtus: Mapping[str, int] = field(default_factory=dict)

    @property
    def blocked(self) -> tuple[Attempt, ...]:
        return tuple(each for each in self.attempts if each.result not in (Result.OPEN, Result.UNKNOWN))

    @property
    def unknown(self) -> tuple[Attempt, ...]:
        return tuple(each for each in self.attempts if each.result is Result.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Listening:
    """What a node listens on, as (protocol, port); `own` is what only listens for the matrix."""

    ports: frozenset[tuple[str, int]] = frozenset()
    own: frozenset[tuple[str, int]] = frozenset()
    missing: str = ""


_UNREACHABLE = ("No route to host", "Network is unreachable", "Host is unreachable", "Invalid argument")
_NUMBER = re.compile(r"\d{1,5}", re.ASCII)
_COMPLAINT = re.compile(r"/dev/(tcp|udp)/([\d.]{7,15})/(\d{1,5}): (.+)$", re.ASCII)
_ROUTE = re.compile(r"route ([\d.]{7,15}) .*\bmtu (?:lock )?(\d{1,9})", re.ASCII)


def read_listening(lines: Iterable[str]) -> Listening:
    """What listen.sh printed until it was ready."""
    ports: dict[str, set[tuple[str, int]]] = {"listens": set(), "own": set()}
    missing = ""
    for line in lines:
        match line.split():
            case [("listens" | "own") as kind, "tcp" | "udp" as protocol, port] if _NUMBER.fullmatch(port):
                ports[kind].add((protocol, int(port)))
            case ["missing", "systemd-socket-activate" | "bash" as program]:
                missing = f"there is no {program} on it"
    return Listening(frozenset(ports["listens"]), frozenset(ports["own"] & ports["listens"]), missing)


@dataclass(slots=True)
class _Connected:
    """What connect.sh printed on one node: (protocol, address, port) → result; address → MTU of the way there."""

    results: dict[tuple[str, str, int], Result] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)
    missing: str = "its program ended early"


_WORDS = {"open": Result.OPEN, "lost": Result.TOO_LARGE, "refused": Result.REFUSED}


def _connected(lines: Iterable[str]) -> _Connected:
    found = _Connected()
    for line in lines:
        match line.split():
            case ["tcp" | "udp", address, port, word] if word in _WORDS and _NUMBER.fullmatch(port):
                found.results[line[:3], address, int(port)] = _WORDS[word]
            case ["missing", "bash" as program]:
                found.missing = f"there is no {program} on it"
            case ["end"]:
                found.missing = ""
            case _:
                if complaint := _COMPLAINT.search(line):
                    protocol, address, port, why = complaint.groups()
                    bad = Result.UNREACHABLE if why in _UNREACHABLE else Result.REFUSED
                    # A connection that timed out by itself got no answer either.
                    result = Result.DROPPED if why == "Connection timed out" else bad
                    found.results[protocol, address, int(port)] = result
                elif route := _ROUTE.match(line):
                    found.paths[route[1]] = int(route[2])
    return found


def read_matrix(
    connections: Iterable[Connection],
    addresses: Mapping[str, str],
    mtus: Mapping[str, int],
    listeners: Mapping[str, Listening],
    received: Mapping[str, Sequence[str]],
    output: Mapping[str, Sequence[str]],
    token: str,
) -> Matrix:
    """`addresses`: node → the address its peers use. `received`: node → lines of listen.sh, `output`: of connect.sh.

    Of several results of the same connection the last one counts.
    """
    outcomes = {name: _connected(lines) for name, lines in output.items()}
    datagrams = {
        (words[1], target, words[2])
        for target, lines in received.items()
        for line in lines
        if len(words := line.split()) == 3 and words[0] == token
    }
    flooded = {(target, line) for target, lines in received.items() for line in lines if line.startswith("flooded ")}
    attempts = []
    for connection in connections:
        source, target, port = connection.source, connection.target, connection.port
        here, there = outcomes.get(source), listeners.get(target)
        if here is None or here.missing:
            why = here.missing if here else "no answer"
            attempts.append(Attempt(connection, Result.UNKNOWN, f"{source}: {why}"))
        elif there is None or (port.protocol, port.number) not in there.ports:
            why = there.missing if there and there.missing else f"{port.number}/{port.protocol} cannot be listened on"
            attempts.append(Attempt(connection, Result.UNKNOWN, f"{target}: {why}"))
        else:
            key = (port.protocol, addresses[target], port.number)
            result = here.results.get(key, Result.DROPPED)
            if port.protocol == UDP:
                own = (UDP, port.number) in there.own
                result = _datagrams(connection, datagrams, here.results.get(key), own=own)
            if result is not Result.OPEN and (target, f"flooded udp {port.number}") in flooded:
                why = f"{target}: more arrived on {port.number}/udp than the nodes sent"
                attempts.append(Attempt(connection, Result.UNKNOWN, why))
            else:
                attempts.append(Attempt(connection, result))
    pairs = {(connection.source, connection.target) for connection in connections}
    paths = {
        (source, target): mtu
        for source, target in pairs
        if source in outcomes and (mtu := outcomes[source].paths.get(addresses[target], 0)) and mtu < mtus[source]
    }
    return Matrix(tuple(attempts), paths, dict(mtus))


def _datagrams(
    connection: Connection, arrived: set[tuple[str, str, str]], reported: Result | None, *, own: bool
) -> Result:
    """Only the receiver knows what arrived. Where the kernel or a daemon receives them, nobody reports it."""
    if not own:
        return reported or Result.UNKNOWN
    small, large = ((connection.source, connection.target, size) in arrived for size in ("small", "large"))
    if large:
        return Result.OPEN
    return Result.TOO_LARGE if small else reported or Result.DROPPED
