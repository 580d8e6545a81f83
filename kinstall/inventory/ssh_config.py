"""~/.ssh/config → machines, by the rules of ssh_config(5) about where a host is and how to log in.

Parsed here and not with paramiko, whose parser runs programs of the file (docs/decisions/0029-libraries-tried.md). The
rules needed are few: the first value for a host wins, but of IdentityFile all hold; patterns; quotes; one optional `=`.
What is not followed (Include, Match) becomes a notice.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from kinstall.inventory.columns import Machine
from kinstall.inventory.machines import MAX_MACHINES, Collector, Imported
from kinstall.inventory.pasted_lines import SSH_WITH_VALUE

_KEYWORD = re.compile(r"(?P<keyword>[A-Za-z][A-Za-z0-9]*)(?:[ \t]*=[ \t]*|[ \t]+)(?P<rest>.*)")
_SLOTS = {
    "hostname": "hostname",
    "user": "user",
    "port": "port",
    "identityfile": "identityfile",
    # Whichever comes first shuts out the other (readconf.c of OpenSSH).
    "proxyjump": "proxy",
    "proxycommand": "proxy",
}
"""Keyword → what it sets."""
_MAX_BLOCKS = 2 * MAX_MACHINES
_MAX_GENERAL = 500
"""Host lines with wildcards: each is compared with each host."""


class _Value(NamedTuple):
    """An option's text, and where it is from. `keyword` in lower case."""

    text: str
    line: int
    keyword: str


_NOTHING = _Value("", 0, "")


@dataclass(slots=True)
class _Block:
    """A Host line and the options below it; `patterns` as written, `options`: what is set → its first value."""

    line: int
    patterns: tuple[str, ...]
    options: dict[str, _Value] = field(default_factory=dict)
    keys: list[_Value] = field(default_factory=list)
    """All of its IdentityFile."""

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
        places: dict[tuple[str, str], str] = {}
        for alias in aliases:
            if len(found) > MAX_MACHINES:
                break
            place = (options.host_name(alias), options.of(alias).get("port", _NOTHING).text)
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
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _KEYWORD.fullmatch(line)
        keyword = match["keyword"].lower() if match else ""
        # A command is a shell's line: its quotes need not fit ours.
        words = [match["rest"]] if match and keyword == "proxycommand" else _words(match["rest"]) if match else []
        if not any(words):
            collector.problem(number, "a line that is not `keyword value`", "fix it, or put a # in front")
            continue
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
        elif keyword in _SLOTS and not skipping:
            value = _Value(words[0], number, keyword)
            if keyword == "identityfile":
                blocks[-1].keys.append(value)
            else:
                blocks[-1].options.setdefault(_SLOTS[keyword], value)
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

    def of(self, alias: str) -> dict[str, _Value]:
        values: dict[str, _Value] = {}
        for block in self._blocks_of(alias):
            values = {**block.options, **values}
        return values

    def _blocks_of(self, alias: str) -> list[_Block]:
        """The blocks that apply to an alias, in the order of the file."""
        general = [pair for pair in self._general if pair[1].applies_to(alias)]
        return [block for _, block in sorted([*self._named.get(alias, []), *general], key=lambda pair: pair[0])]

    def host_name(self, alias: str) -> str:
        return self.of(alias).get("hostname", _Value("%h", 0, "")).text.replace("%h", alias).replace("%%", "%")

    def machine(self, alias: str, line: int, jumps: set[str]) -> Machine | None:
        """None where one of its options is wrong. Aliases that it jumps through are added to `jumps`."""
        machine = Machine(name=alias, address=self.host_name(alias), line=line)
        values = self.of(alias)
        fine = True
        for slot in ("user", "port"):
            value = values.get(slot, _NOTHING)
            if "%" in value.text:
                self._not_expanded(value)
            elif value.text:
                fine = self._collector.put(machine, slot, value.text, value.line) and fine
        key = self._key(alias, machine)
        if key.text:
            fine = self._collector.put(machine, "identityFile", key.text, key.line) and fine
        proxy = values.get("proxy", _NOTHING)
        jump = proxy.text
        if proxy.keyword == "proxycommand" and jump.lower() != "none":
            jump = jump_of(jump)
            if not jump:
                # Not repeated: a command may hold a token.
                sentence = "ProxyCommand is not supported, only ProxyJump and `ssh -W %h:%p HOST`: left out for {}"
                self._collector.among(sentence, alias)
        if jump and jump.lower() != "none":
            fine = self._jump(machine, jump.removeprefix("ssh://"), proxy.line, jumps) and fine
        return machine if fine else None

    def _key(self, alias: str, machine: Machine) -> _Value:
        """ssh tries every IdentityFile that applies. Answers hold one: the first that the host's own lines name, or
        else the first of all."""
        keys: list[_Value] = []
        first_own = None
        for block in self._blocks_of(alias):
            for key in block.keys:
                if key.text.lower() == "none":
                    continue
                text = key.text.replace("%d", "~").replace("%h", machine.address).replace("%n", alias)
                text = text.replace("%r", machine.user) if machine.user else text
                if "%" in text.replace("%%", ""):
                    self._not_expanded(key)
                    continue
                keys.append(key._replace(text=text.replace("%%", "%")))
                if alias in block.patterns:
                    first_own = first_own or keys[-1]
        if len({key.text for key in keys}) > 1:
            self._collector.among("ssh tries several keys, and kinstall one: the first was taken for {}", alias)
        return first_own or next(iter(keys), _NOTHING)

    def _not_expanded(self, value: _Value) -> None:
        self._collector.note(
            f"{value.keyword} in line {value.line} contains a %, which kinstall does not expand: left out"
        )

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
            if any(block.keys for block in self._blocks_of(alias)):
                self._collector.note(f"{alias} is used as a jump host with the key of the node behind it, not its own")
        user = user or values.get("user", _NOTHING).text
        port = port or values.get("port", _NOTHING).text
        if not user:
            # ssh logs in there as the local user, kinstall as it does on the node.
            self._collector.among(
                "no user for the jump host of {}: write user@ if it differs from the node's", machine.name
            )
        host = self.host_name(alias)
        written = (f"{user}@" if user else "") + host.lower() + (f":{port}" if port else "")
        return self._collector.put(machine, "proxyJump", written, line)


def jump_of(command: str) -> str:
    """`[user@]host[:port]` of a ProxyCommand that is a jump (`ssh -W %h:%p user@host`, `ssh host nc %h %p`), or ""."""
    words = _words(command)
    if words[:1] == ["exec"]:
        del words[0]
    if not words or words[0].rpartition("/")[2] != "ssh":
        return ""
    user = port = target = forwarded = ""
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith("-"):
            target = word
            break
        # `-qW` is -q and -W.
        for index, letter in enumerate(word[1:], start=1):
            if letter not in SSH_WITH_VALUE:
                continue
            value = word[index + 1 :] or next(rest, "")
            user = value if letter == "l" else user
            port = value if letter == "p" else port
            forwarded = value if letter == "W" else forwarded
            break
    there = list(rest)
    nc = bool(there) and there[0].rpartition("/")[2] in ("nc", "ncat", "netcat") and there[-2:] == ["%h", "%p"]
    if not target or "%" in target or not (forwarded in ("%h:%p", "[%h]:%p") or nc):
        return ""
    name, at, host = target.removeprefix("ssh://").rpartition("@")
    user = name if at else user
    return (f"{user}@" if user else "") + host + (f":{port}" if port and ":" not in host else "")
