"""~/.ssh/config → machines, by the rules of ssh_config(5) about where a host is and how to log in.

Parsed here and not with paramiko, which only the transport may load: the rules needed are few (the first value found
for a host wins; patterns; quotes; one optional `=`), and what is not followed (Include, Match) becomes a notice.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from kinstall.inventory.columns import Machine
from kinstall.inventory.machines import MAX_MACHINES, Collector, Imported

_KEYWORD = re.compile(r"\s*(?P<keyword>[A-Za-z]+)(?:\s*=\s*|\s+)(?P<rest>.*?)\s*")
_USED = frozenset({"hostname", "user", "port", "identityfile", "proxyjump", "proxycommand"})
_MAX_BLOCKS = 2 * MAX_MACHINES
_MAX_GENERAL = 500
"""Host lines with wildcards: each is compared with each host."""


@dataclass(slots=True)
class _Block:
    """A Host line and the options below it; `patterns` as written, `options` keyword → (first value, its line)."""

    line: int
    patterns: tuple[str, ...]
    options: dict[str, tuple[str, int]] = field(default_factory=dict)

    def applies_to(self, alias: str) -> bool:
        if any(_fits(alias, pattern[1:]) for pattern in self.patterns if pattern.startswith("!")):
            return False
        return any(_fits(alias, pattern) for pattern in self.patterns if not pattern.startswith("!"))


def read_ssh_config(text: str) -> Imported:
    """One machine per Host without wildcards. Hosts that others only jump through are left out, with a notice."""
    collector = Collector()
    blocks = _blocks(text, collector)
    options = _Options(blocks, collector)
    jumps: set[str] = set()
    known: set[str] = set()
    found: list[tuple[str, Machine]] = []
    for block in blocks:
        aliases = [pattern for pattern in block.patterns if not re.search(r"[*?!]", pattern)]
        places: dict[str, str] = {}
        for alias in aliases:
            if len(found) > MAX_MACHINES:
                break
            place = options.host_name(alias)
            if place in places:
                collector.note(f"Host {alias} is another name of {places[place]}: left out")
                continue
            places[place] = alias
            if alias in known:
                continue  # its first block has collected what this one says too
            known.add(alias)
            machine = options.machine(alias, block.line, jumps)
            if machine is not None:
                found.append((alias, machine))
    for alias, machine in found:
        if alias in jumps:
            collector.among("left out, because other hosts are reached through it: {}", alias)
        else:
            collector.machines.append(machine)
    return collector.finish()


def _blocks(text: str, collector: Collector) -> list[_Block]:
    blocks = [_Block(0, ("*",))]  # options above the first Host apply to all
    skipping = False
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _KEYWORD.fullmatch(line)
        words = _words(match["rest"]) if match else []
        if match is None or not words:
            collector.problem(number, "a line that is not `keyword value`", "fix it, or put a # in front")
            continue
        keyword = match["keyword"].lower()
        if keyword == "host":
            skipping = False
            blocks.append(_Block(number, tuple(words)))
        elif keyword == "match":
            skipping = [word.lower() for word in words] != ["all"]
            if skipping:
                collector.note(f"Match in line {number} is not followed: the options below it are left out")
            else:
                blocks.append(_Block(number, ("*",)))
        elif keyword == "include":
            collector.note(f"Include in line {number} is not followed: import that file by itself")
        elif keyword in _USED and not skipping:
            value = match["rest"] if keyword == "proxycommand" else words[0]
            blocks[-1].options.setdefault(keyword, (value, number))
        if len(blocks) > _MAX_BLOCKS:
            collector.problem(number, "too many Host lines", "import part of the file")
            break
    return blocks


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest, comments=True)
    except ValueError:
        return []


def _fits(alias: str, pattern: str) -> bool:
    # [ and ] are plain characters to ssh, and a class to fnmatch.
    return fnmatchcase(alias, pattern.replace("[", "[[]"))


class _Options:
    """The options of an alias: of every keyword the first value in the order of the file."""

    def __init__(self, blocks: Iterable[_Block], collector: Collector) -> None:
        self._named: dict[str, list[tuple[int, _Block]]] = {}
        self._general: list[tuple[int, _Block]] = []
        for index, block in enumerate(blocks):
            if any(re.search(r"[*?!]", pattern) for pattern in block.patterns):
                self._general.append((index, block))
            else:
                for pattern in block.patterns:
                    self._named.setdefault(pattern, []).append((index, block))
        self._collector = collector
        if len(self._general) > _MAX_GENERAL:
            del self._general[_MAX_GENERAL:]
            collector.note(f"more than {_MAX_GENERAL} Host lines with wildcards: the rest is left out")

    def of(self, alias: str) -> dict[str, tuple[str, int]]:
        general = [pair for pair in self._general if pair[1].applies_to(alias)]
        values: dict[str, tuple[str, int]] = {}
        for _, block in sorted([*self._named.get(alias, []), *general], key=lambda pair: pair[0]):
            values = {**block.options, **values}
        return values

    def host_name(self, alias: str) -> str:
        return self.of(alias).get("hostname", ("%h", 0))[0].replace("%h", alias).replace("%%", "%")

    def machine(self, alias: str, line: int, jumps: set[str]) -> Machine | None:
        """None where one of its options is wrong. Aliases that it jumps through are added to `jumps`."""
        machine = Machine(name=alias, address=self.host_name(alias), line=line)
        values = self.of(alias)
        fine = True
        for keyword, name in (("user", "user"), ("port", "port"), ("identityfile", "identityFile")):
            value, at = values.get(keyword, ("", 0))
            value = value.replace("%d", "~") if keyword == "identityfile" else value
            if "%" in value:
                self._collector.note(f"{keyword} in line {at} contains a %, which kinstall does not expand: left out")
            elif value and value.lower() != "none":
                fine = self._collector.put(machine, name, value, at) and fine
        jump, at = values.get("proxyjump", ("none", 0))
        if jump.lower() != "none":
            fine = self._jump(machine, jump.removeprefix("ssh://"), at, jumps) and fine
        elif "proxycommand" in values:
            # Not repeated: a command may hold a token.
            self._collector.among("ProxyCommand is not supported, only ProxyJump: left out for {}", alias)
        return machine if fine else None

    def _jump(self, machine: Machine, jump: str, line: int, jumps: set[str]) -> bool:
        """A jump host may be an alias of the same file: it is written out, as answers know no aliases."""
        if "," in jump:
            self._collector.note(
                f"ProxyJump in line {line} goes through several hosts: only one is supported; left out"
            )
            return True
        user, _, rest = jump.rpartition("@")
        alias, _, port = rest.partition(":")
        values = self.of(alias)
        if alias in self._named:
            jumps.add(alias)
            if "identityfile" in values:
                self._collector.note(
                    f"{alias} is used as a jump host with the key of the node behind it, not with its own"
                )
        user = user or values.get("user", ("", 0))[0]
        port = port or values.get("port", ("", 0))[0]
        host = self.host_name(alias)
        written = (f"{user}@" if user else "") + host.lower() + (f":{port}" if port else "")
        return self._collector.put(machine, "proxyJump", written, line)
