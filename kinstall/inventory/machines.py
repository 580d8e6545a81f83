"""From machines in a list to rows of an answers file: names made valid, duplicates and gaps reported."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from kinstall.answers.rules import formats
from kinstall.cluster.subnets import is_address, is_ipv4, parse_address, parse_interface
from kinstall.findings import Problem
from kinstall.inventory.columns import SETTERS, Machine, as_row, is_secret
from kinstall.wording import listed

MAX_MACHINES = 5000
NAME_LIMIT = 63
"""A node's name also becomes the value of its label kubernetes.io/hostname."""

_NAMED = 8
"""How many names a sentence has at most."""

_ADDRESS_LIKE = re.compile(r"[0-9./]+")
_HOST_LIKE = re.compile(r"[\w. -]+")
_VARIABLE = re.compile(r"[A-Za-z_][\w. ()/#-]{0,63}")


_LONGEST_LINE = 8192


def words_of(line: str) -> list[str]:
    """The words of a line as a shell reads them, without a comment.

    Raises:
        ValueError: with a sentence of why there are none
    """
    if len(line) > _LONGEST_LINE:  # shlex takes minutes for a word of a megabyte
        raise ValueError(f"a line of more than {_LONGEST_LINE} characters")
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        raise ValueError("a quote that is never closed") from None


@dataclass(frozen=True, slots=True)
class Imported:
    """What a list of machines gives.

    `nodes`: rows as under `nodes:` of an answers file. `notices`: what was left out, changed or guessed.
    `problems`: lines that give no row, each with its line. `has_roles`: whether the list names roles at all; if not,
    every row is a worker.
    """

    nodes: tuple[dict[str, Any], ...] = ()
    notices: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    has_roles: bool = False


@dataclass(slots=True)
class Collector:
    """Collects machines, notices and problems, in the order of the list."""

    machines: list[Machine] = field(default_factory=list)
    source: str = ""
    """The file that is being read, where there are several."""
    problems: list[Problem] = field(default_factory=list)
    _notices: dict[str, None] = field(default_factory=dict)
    _groups: dict[str, dict[str, None]] = field(default_factory=dict)

    def note(self, sentence: str) -> None:
        """Add a notice, once."""
        self._notices[sentence] = None

    def among(self, sentence: str, name: str) -> None:
        """Add one notice with all names that it applies to, in place of its `{}`."""
        self._groups.setdefault(sentence, {})[name] = None

    def problem(self, line: int, message: str, remedy: str = "") -> None:
        place = f"{self.source}: " if self.source else ""
        self.problems.append(Problem("", place + message, remedy, line))

    def left_out_secret(self, name: str) -> None:
        """Note that a value that may be a secret was not read; only its name is passed on."""
        name = shown(name)
        self.among(
            "left out, because an answers file holds no secrets: {}; ssh.password and similar fields take a reference",
            name,
        )

    def put(self, machine: Machine, field_name: str, text: str, line: int) -> bool:
        """Set a field from text; what is wrong with it becomes a problem of the line, and False is returned."""
        wrong = SETTERS[field_name](machine, text)
        if wrong:
            self.problem(line, f"{field_name}: {wrong[0]}", wrong[1])
        return wrong is None

    def unused(self, name: str) -> None:
        """Note that a variable or column is not used, or left out because it may be a secret."""
        if is_secret(name):
            self.left_out_secret(name)
        else:
            self.among("not used: {}", shown(name))

    def finish(self) -> Imported:
        """The rows, with all notices and problems."""
        taken: dict[str, Machine] = {}
        at: dict[tuple[str, int, str], Machine] = {}
        hosts: dict[str, Machine] = {}
        rows = []
        for machine in self.machines[:MAX_MACHINES]:
            if not self._located(machine):
                continue
            # Several machines may share an address behind port forwarding, or behind different jump hosts.
            other = at.setdefault((machine.address, machine.port or 22, str(machine.proxy_jump)), machine)
            if other is not machine:
                duplicate = f"{machine.name or machine.address} in line {machine.line}"
                self.note(f"{duplicate} has the address of {other.name}, {machine.address}: left out")
                continue
            machine.name = self._named(machine, taken)
            taken[machine.name] = machine
            if hosts.setdefault(machine.address, machine) is not machine and not machine.node_ip:
                self.among("logins at the address of another machine: {}; write their nodeIP", machine.name)
            rows.append(as_row(machine))
        if len(self.machines) > MAX_MACHINES:
            self.problem(0, f"more than {MAX_MACHINES} machines", "import part of the list")
        grouped = (sentence.format(listed(names, _NAMED)) for sentence, names in self._groups.items())
        has_roles = any(machine.role for machine in self.machines)
        problems = sorted(dict.fromkeys(self.problems), key=lambda problem: problem.line)
        return Imported(tuple(rows), (*self._notices, *grouped), tuple(problems), has_roles)

    def _located(self, machine: Machine) -> bool:
        """Give the machine an address; False where the list has none that a node can have."""
        machine.address = machine.address or machine.name
        if not machine.address:
            self.problem(machine.line, "neither a name nor an address", "write both: w1 192.0.2.11")
            return False
        if machine.address == machine.name and (_ADDRESS_LIKE.fullmatch(machine.name) or ":" in machine.name):
            machine.name = ""
        machine.address = without_mask(machine.address)
        if is_ipv6(machine.address):
            self.problem(machine.line, "an IPv6 address", "write the machine's IPv4 address: IPv6 is not supported yet")
            return False
        if _ADDRESS_LIKE.fullmatch(machine.address):
            wrong = formats.node_address(machine.address)
            if wrong:
                self.problem(machine.line, *wrong)
            return wrong is None
        if not all(_HOST_LIKE.fullmatch(each) for each in (machine.address, machine.name or "-")):
            # Not repeated: with : or = in it, it is a misplaced login or variable.
            self.problem(machine.line, "neither an IPv4 address nor the name of a machine", "write both: w1 192.0.2.11")
            return False
        self.among("no IPv4 address for {}; write it before you go on", machine.name or machine.address)
        return True

    def _named(self, machine: Machine, taken: dict[str, Machine]) -> str:
        wanted = machine.name or f"node-{machine.address.replace('.', '-')}"
        name = valid_name(wanted) or f"node-{machine.address.replace('.', '-')}"
        if name in taken:
            free = next(
                numbered
                for n in range(2, MAX_MACHINES + 2)
                if (numbered := f"{name[: NAME_LIMIT - 5]}-{n}") not in taken
            )
            self.note(f"{name} is the name of {taken[name].address} and {machine.address}: the second became {free}")
            return free
        if name != wanted:
            self.note(f"{wanted} is not a valid name; it became {name}")
        return name


def is_ipv6(text: str) -> bool:
    """Whether a text is an IPv6 address, in brackets or with a zone perhaps."""
    text = text.removeprefix("[").removesuffix("]").partition("%")[0]
    return is_address(text) and not is_ipv4(parse_address(text))


def without_mask(text: str) -> str:
    """`192.0.2.11` of `192.0.2.11/24`, as tables of addresses have it; a whole range stays as it is."""
    try:
        interface = parse_interface(text)
    except ValueError:
        return text
    if is_ipv4(interface) and (interface.ip != interface.network.network_address or interface.network.prefixlen == 32):
        return str(interface.ip)
    return text


def shown(name: str) -> str:
    """The name of a variable or column, if it looks like one; a misplaced value is not repeated."""
    return name if _VARIABLE.fullmatch(name) else "…"


def valid_name(text: str) -> str:
    """The nearest valid name of at most 63 characters; empty where nothing of the text is valid."""
    parts = re.sub(r"[^a-z0-9.]+", "-", text.lower())[:NAME_LIMIT].split(".")
    return ".".join(part for part in (each.strip("-") for each in parts) if part)
