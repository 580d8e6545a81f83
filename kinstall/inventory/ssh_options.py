"""The text of an ssh_config → the options that hold for a host, by the rules of ssh_config(5). Pure.

Parsed here and not with paramiko, whose parser runs programs of the file (docs/decisions/0029-libraries-tried.md). What
is not followed (Include, Match with a program) becomes a notice. tests/unit/inventory/test_ssh_corpus.py compares it
with `ssh -G`.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from kinstall.inventory.machines import MAX_MACHINES, Collector

_KEYWORD = re.compile(r"(?P<keyword>[A-Za-z][A-Za-z0-9]*)(?:[ \t]*=[ \t]*|[ \t]+)(?P<rest>.*)")
_SLOTS = {
    "hostname": "hostname",
    "user": "user",
    "port": "port",
    "identityfile": "identityfile",
    "identitiesonly": "identitiesonly",
    "identityagent": "identityagent",
    # Whichever comes first shuts out the other (readconf.c of OpenSSH).
    "proxyjump": "proxy",
    "proxycommand": "proxy",
}
"""Keyword → what it sets."""
_MAX_BLOCKS = 2 * MAX_MACHINES
_MAX_GENERAL = 500
"""Host and Match lines that may hold for any host: each is compared with each host."""

_WITH_PATTERNS = ("host", "originalhost", "user", "localuser")
_WILD = re.compile(r"[*?!]")


class Value(NamedTuple):
    """An option's text, and where it is from. `keyword` in lower case."""

    text: str
    line: int
    keyword: str


NOTHING = Value("", 0, "")


@dataclass(slots=True)
class Block:
    """A Host or Match line and the options below it.

    `patterns` as written, of Host only; `criteria` of Match: (criterion, its patterns, whether it is negated).
    `options`: what is set → its first value.
    """

    line: int
    patterns: tuple[str, ...]
    criteria: tuple[tuple[str, str, bool], ...] = ()
    options: dict[str, Value] = field(default_factory=dict)
    keys: list[Value] = field(default_factory=list)
    """All of its IdentityFile."""

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts that it names without wildcards."""
        return tuple(pattern for pattern in self.patterns if not _WILD.search(pattern))


class Options:
    """The options of each host: of every keyword the first value in the order of the file, of IdentityFile all."""

    def __init__(self, blocks: Iterable[Block], collector: Collector) -> None:
        self.named: dict[str, list[tuple[int, Block]]] = {}
        """The blocks that name a host without any wildcard."""
        self._general: list[tuple[int, Block]] = []
        for index, block in enumerate(blocks):
            if block.criteria or any(_WILD.search(pattern) for pattern in block.patterns):
                self._general.append((index, block))
            for pattern in block.names:
                self.named.setdefault(pattern, []).append((index, block))
        if len(self._general) > _MAX_GENERAL:
            del self._general[_MAX_GENERAL:]
            collector.note(f"more than {_MAX_GENERAL} Host lines with wildcards: the rest is left out")

    def of(self, alias: str) -> tuple[dict[str, Value], list[Value]]:
        """What is set for an alias, and its IdentityFile."""
        values: dict[str, Value] = {}
        keys: list[Value] = []
        candidates = dict([*self.named.get(alias, []), *self._general])
        for _, block in sorted(candidates.items()):
            if _applies(block, alias, values):
                values = {**block.options, **values}
                keys += block.keys
        return values, keys

    def host_name(self, alias: str) -> str:
        """Where it is: its HostName, or the alias itself."""
        return host_name(alias, self.of(alias)[0])


def host_name(alias: str, values: dict[str, Value]) -> str:
    return values.get("hostname", Value("%h", 0, "")).text.replace("%h", alias).replace("%%", "%")


def blocks_of(text: str, collector: Collector) -> list[Block]:
    """The file's blocks in their order; the first holds what is above the first Host."""
    blocks = [Block(0, ("*",))]
    skipping = False
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _KEYWORD.fullmatch(line)
        keyword = match["keyword"].lower() if match else ""
        # A command is a shell's line: its quotes need not fit ours.
        found = match["rest"] if match else ""
        words = [found] if keyword == "proxycommand" else split(found)
        if not any(words):
            collector.problem(number, "a line that is not `keyword value`", "fix it, or put a # in front")
            continue
        if keyword == "host":
            skipping = False
            blocks.append(Block(number, tuple(words)))
        elif keyword == "match":
            criteria = _criteria(words)
            skipping = criteria is None
            if criteria is None:
                collector.note(f"Match in line {number} is not followed: the options below it are left out")
            else:
                blocks.append(Block(number, ("*",), criteria))
        elif keyword == "include":
            collector.note(f"Include in line {number} is not followed: import that file by itself")
        elif keyword in _SLOTS and not skipping:
            value = Value(words[0], number, keyword)
            if keyword == "identityfile":
                blocks[-1].keys.append(value)
            else:
                blocks[-1].options.setdefault(_SLOTS[keyword], value)
        if len(blocks) > _MAX_BLOCKS:
            collector.problem(number, "too many Host lines", "import part of the file")
            break
    return blocks


def split(text: str) -> list[str]:
    """The words of a line: quotes of both kinds, a backslash before quotes, backslashes and blanks, and a # that begins
    a word begins a comment (argv_split in misc.c of OpenSSH). Empty where a quote is never closed."""
    words: list[str] = []
    at, size = 0, len(text)
    while at < size:
        if text[at] in " \t":
            at += 1
            continue
        if text[at] == "#":
            break
        word, quote = "", ""
        while at < size and (quote or text[at] not in " \t"):
            char, after = text[at], text[at + 1 : at + 2]
            if char == "\\" and after and (after in "'\"\\" or (not quote and after == " ")):
                word, at = word + after, at + 2
                continue
            if char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
            else:
                word += char
            at += 1
        if quote:
            return []
        words.append(word)
    return words


def _criteria(words: list[str]) -> tuple[tuple[str, str, bool], ...] | None:
    """The criteria of a Match line; None where they cannot be judged without running or looking up something."""
    found = []
    rest = iter(words)
    for word in rest:
        name, equals, given = word.partition("=")
        negated, name = name.startswith("!"), name.removeprefix("!").lower()
        if name == "all":
            found.append(("all", "", negated))
        elif name in _WITH_PATTERNS:
            patterns = given if equals else next(rest, "")
            if not patterns:
                return None
            found.append((name, patterns, negated))
        else:
            return None  # exec runs a program; canonical, final, localnetwork, tagged need what is not known here
    return tuple(found) or None


def _applies(block: Block, alias: str, values: dict[str, Value]) -> bool:
    if not block.criteria:
        return _fits(alias, block.patterns)
    local = _own_name() if any(name.endswith("user") for name, _, _ in block.criteria) else ""
    said = {
        "host": host_name(alias, values),
        "originalhost": alias,
        "user": values.get("user", Value(local, 0, "")).text,
        "localuser": local,
    }
    return all(
        (name == "all" or _fits(said[name], patterns.split(","))) is not negated
        for name, patterns, negated in block.criteria
    )


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's arbitrary user
        return ""


def _fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns fits, and none that is negated."""
    found = False
    for pattern in patterns:
        if _one_fits(text, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _one_fits(text: str, pattern: str) -> bool:
    # [ and ] are plain characters to ssh, and a class to fnmatch.
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def aliases(blocks: Iterable[Block]) -> Iterator[tuple[str, Block]]:
    """Each host that a Host line names, with that line's block."""
    for block in blocks:
        if not block.criteria:
            yield from ((name, block) for name in block.names)
