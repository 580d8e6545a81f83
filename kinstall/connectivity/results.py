"""What the programs of the matrix said → what came of every want. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kinstall.connectivity.required import UDP, Want


class Result(StrEnum):
    OPEN = "open"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    DROPPED = "dropped"
    TOO_LARGE = "too large"
    UNKNOWN = "not asked"


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of one want; `why` says it for what was not asked."""

    want: Want
    result: Result
    why: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """All of it. `paths`: (source, target) → bytes that the way there bears, where the kernel learned of fewer than
    `mtus`, those of the nodes' own interfaces."""

    reached: tuple[Reached, ...] = ()
    paths: Mapping[tuple[str, str], int] = field(default_factory=dict)
    mtus: Mapping[str, int] = field(default_factory=dict)

    @property
    def blocked(self) -> tuple[Reached, ...]:
        return tuple(each for each in self.reached if each.result not in (Result.OPEN, Result.UNKNOWN))

    @property
    def unknown(self) -> tuple[Reached, ...]:
        return tuple(each for each in self.reached if each.result is Result.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Listening:
    """What a node listens on, as (protocol, port); `own` is what only listens for the matrix."""

    ports: frozenset[tuple[str, int]] = frozenset()
    own: frozenset[tuple[str, int]] = frozenset()
    missing: str = ""


_UNREACHABLE = ("No route to host", "Network is unreachable", "Host is unreachable", "Invalid argument")
_COMPLAINT = re.compile(r"/dev/(tcp|udp)/([\d.]+)/(\d+): (.+)$")
_ROUTE = re.compile(r"route ([\d.]+) .*\bmtu (?:lock )?(\d+)")


def listening(lines: Iterable[str]) -> Listening:
    """What listen.sh said until it was ready."""
    ports: dict[str, set[tuple[str, int]]] = {"listens": set(), "own": set()}
    missing = ""
    for line in lines:
        match line.split():
            case [("listens" | "own") as kind, protocol, port]:
                ports[kind].add((protocol, int(port)))
            case ["missing", program]:
                missing = f"there is no {program} on it"
    return Listening(frozenset(ports["listens"]), frozenset(ports["own"] & ports["listens"]), missing)


@dataclass(slots=True)
class _Said:
    """What connect.sh said on one node: (protocol, address, port) → result; address → MTU of the way there."""

    results: dict[tuple[str, str, int], Result] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)
    missing: str = "its program ended early"


_WORDS = {"open": Result.OPEN, "lost": Result.TOO_LARGE, "refused": Result.REFUSED}


def _said(lines: Iterable[str]) -> _Said:
    said = _Said()
    for line in lines:
        match line.split():
            case ["tcp" | "udp", address, port, word] if word in _WORDS:
                said.results[line[:3], address, int(port)] = _WORDS[word]
            case ["missing", program]:
                said.missing = f"there is no {program} on it"
            case ["end"]:
                said.missing = ""
            case _:
                if complaint := _COMPLAINT.search(line):
                    protocol, address, port, why = complaint.groups()
                    bad = Result.UNREACHABLE if why in _UNREACHABLE else Result.REFUSED
                    # A connection that timed out by itself got no answer either.
                    result = Result.DROPPED if why == "Connection timed out" else bad
                    said.results[protocol, address, int(port)] = result
                elif route := _ROUTE.match(line):
                    said.paths[route[1]] = int(route[2])
    return said


def read(
    wants: Iterable[Want],
    addresses: Mapping[str, str],
    mtus: Mapping[str, int],
    listeners: Mapping[str, Listening],
    received: Mapping[str, Sequence[str]],
    said: Mapping[str, Sequence[str]],
    token: str,
) -> Matrix:
    """`addresses`: node → the address its peers use. `received`: node → lines of listen.sh, `said`: of connect.sh.

    What is said later of the same way counts.
    """
    told = {name: _said(lines) for name, lines in said.items()}
    datagrams = {
        (words[1], target, words[2])
        for target, lines in received.items()
        for line in lines
        if len(words := line.split()) == 3 and words[0] == token
    }
    reached = []
    for want in wants:
        here, there = told.get(want.source), listeners.get(want.target)
        if here is None or here.missing:
            reached.append(Reached(want, Result.UNKNOWN, f"{want.source}: {here.missing if here else 'no answer'}"))
        elif there is None or (want.port.protocol, want.port.number) not in there.ports:
            missing = there.missing if there else ""
            why = f"{want.target}: {missing or f'{want.port.number}/{want.port.protocol} cannot be listened on'}"
            reached.append(Reached(want, Result.UNKNOWN, why))
        else:
            key = (want.port.protocol, addresses[want.target], want.port.number)
            result = here.results.get(key, Result.DROPPED)
            if want.port.protocol == UDP:
                own = (UDP, want.port.number) in there.own
                result = _datagrams(want, datagrams, here.results.get(key), own=own)
            reached.append(Reached(want, result))
    pairs = {(want.source, want.target) for want in wants}
    paths = {
        (source, target): mtu
        for source, target in pairs
        if source in told and (mtu := told[source].paths.get(addresses[target], 0)) and mtu < mtus[source]
    }
    return Matrix(tuple(reached), paths, dict(mtus))


def _datagrams(want: Want, arrived: set[tuple[str, str, str]], told: Result | None, *, own: bool) -> Result:
    """Only the receiver knows what arrived. Where the kernel or a daemon receives them, nobody tells."""
    if not own:
        return told or Result.UNKNOWN
    small, large = ((want.source, want.target, size) in arrived for size in ("small", "large"))
    if large:
        return Result.OPEN
    return Result.TOO_LARGE if small else told or Result.DROPPED
