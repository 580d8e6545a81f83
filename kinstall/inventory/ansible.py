"""An Ansible inventory's groups, hosts and variables → machines. The INI and the YAML form are read beside this.

Roles come from groups by their usual names. Variables follow Ansible's precedence: all, parents, children, the host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kinstall.answers.document import Hidden, Unclear
from kinstall.cluster import CONTROL_PLANE, WORKER
from kinstall.inventory.columns import Machine, role_of, simplified
from kinstall.inventory.machines import MAX_MACHINES, Collector, Imported, shown

MAX_GROUPS = 500
VAULT_TAGS = frozenset({"!vault", "!vault-encrypted"})
_ENCRYPTED = "$ANSIBLE_VAULT;"

_FIELDS = {
    "ansible_host": "address",
    "ansible_ssh_host": "address",
    "ansible_user": "user",
    "ansible_ssh_user": "user",
    "ansible_port": "port",
    "ansible_ssh_port": "port",
    "ansible_ssh_private_key_file": "identityFile",
    "ansible_private_key_file": "identityFile",
    "ip": "nodeIP",
    "access_ip": "nodeIP",
    "node_labels": "labels",
    "node_taints": "taints",
}
_ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args")
_WITHOUT_MEANING = frozenset(
    {
        "ansible_become",
        "ansible_connection",
        "ansible_python_interpreter",
        "ansible_become_method",
        "ansible_become_user",
    }
)
_JUMP = re.compile(r"(?:-J\s*|-o\s*['\"]?ProxyJump[=\s]\s*)([^\s'\"]+)")
_RANGE = re.compile(r"\[(?P<first>[0-9]+|[A-Za-z]):(?P<last>[0-9]+|[A-Za-z])(?::(?P<step>[0-9]+))?\]")
_PATTERN = re.compile(r"[\w.:\[\]-]+")
_MAX_RANGES = 4
_DEEPEST = 50
_TAKES_PODS = frozenset({"kubenode"})
"""Kubespray's group of nodes that pods may run on: a control plane that is in it too has no taint."""


@dataclass(slots=True)
class Group:
    """`hosts` and `children`: name → the line that says so; `variables`: only those that are used."""

    hosts: dict[str, int] = field(default_factory=dict)
    children: dict[str, int] = field(default_factory=dict)
    variables: dict[str, tuple[Any, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Inventory:
    """`hosts`: the host's own variables and the first line that names it."""

    collector: Collector
    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, tuple[dict[str, tuple[Any, int]], int]] = field(default_factory=dict)

    def group(self, name: str) -> Group:
        if name not in self.groups and len(self.groups) >= MAX_GROUPS:
            self.collector.note(f"more than {MAX_GROUPS} groups: the rest is left out")
            return Group()
        return self.groups.setdefault(name, Group())

    def host(self, pattern: str, group: str, line: int) -> list[str]:
        """Add a host, or the hosts that a pattern such as `w[1:3]` expands to; returns their names."""
        names: list[str] = []
        if not _PATTERN.fullmatch(pattern):
            # Not repeated: a misplaced variable may be a password.
            self.collector.problem(line, "this is not the name of a host", "write the host first, then name=value")
            return names
        for name in expanded(pattern):
            if len(self.hosts) > MAX_MACHINES:
                break
            self.hosts.setdefault(name, ({}, line))
            self.group(group).hosts.setdefault(name, line)
            names.append(name)
        return names

    def keep(self, into: dict[str, tuple[Any, int]], name: str, value: Any, line: int, owner: str) -> None:
        """Keep a variable that is used; of all others, and of secrets, only the name is reported."""
        if isinstance(value, Hidden) or (isinstance(value, str) and value.lstrip().startswith(_ENCRYPTED)):
            self.collector.among("encrypted with ansible-vault, and left out: {}", f"{shown(name)} of {owner}")
        elif name not in _FIELDS and name not in _ARGUMENTS:
            if name not in _WITHOUT_MEANING:
                self.collector.unused(name if name.isidentifier() else "…")
        elif isinstance(value, str) and "{{" in value:
            self.collector.among("templates are not filled in, and left out: {}", f"{name} of {owner}")
        elif name in _ARGUMENTS:
            # The whole text may hold anything; only the jump host is taken from it.
            jump = _JUMP.search(value) if isinstance(value, str) else None
            if jump:
                into["proxyJump"] = (jump[1], line)
            else:
                self.collector.among("not used: {}", name)
        elif value is not None:
            into[name] = (value, line)


def read_inventory(inventory: Inventory) -> Imported:
    """The machines of a parsed inventory."""
    collector = inventory.collector
    above = _ancestors(inventory)
    roles = _roles(inventory)
    over = {name: _all_above(name, above) for name in inventory.groups}
    depth = _depths(inventory.groups, above)
    for host, (own, line) in inventory.hosts.items():
        direct = [name for name, group in inventory.groups.items() if host in group.hosts]
        groups = {name for each in direct for name in (each, *over[each])}
        named = {roles[name] for name in groups if name in roles}
        if roles and not named:
            collector.among("left out, because they are in no group of control planes or workers: {}", host)
            continue
        machine = Machine(name=host, line=line, role=CONTROL_PLANE if CONTROL_PLANE in named else "".join(named))
        order = sorted(groups - {"all"}, key=lambda name: (depth[name], name))
        values: dict[str, tuple[Any, int]] = {}
        for name in ("all", *order):
            values |= inventory.groups[name].variables if name in inventory.groups else {}
        fine = [_put(machine, name, value, at, collector) for name, (value, at) in (values | own).items()]
        if len(named) == 2 and {simplified(name) for name in groups} & _TAKES_PODS:
            machine.taints = machine.taints or []
            collector.among("control planes that run pods too, because they are also in the group of nodes: {}", host)
        if all(fine):
            collector.machines.append(machine)
    collector.note("group_vars and host_vars folders are not read, only the inventory itself")
    return collector.finish()


def refuse_encrypted(text: str, collector: Collector) -> bool:
    """Whether the whole text is encrypted, which becomes a problem."""
    if not text.lstrip().startswith(_ENCRYPTED):
        return False
    collector.problem(1, "the inventory is encrypted with ansible-vault", "import a decrypted copy")
    return True


def expanded(pattern: str) -> Iterator[str]:
    """The names that a pattern expands to: `w[01:03]`, `db-[a:c]`, `n[1:9:2]`; itself where it has no range."""
    match = _RANGE.search(pattern)
    if match is None or pattern.count("[") > _MAX_RANGES:
        yield pattern
        return
    head, tail = pattern[: match.start()], pattern[match.end() :]
    for part in _parts(match["first"], match["last"], max(1, int((match["step"] or "1")[:6]))):
        for rest in expanded(tail):
            yield f"{head}{part}{rest}"


def _parts(first: str, last: str, step: int) -> Iterable[str]:
    if first.isdecimal() and last.isdecimal():
        width = len(first) if first.startswith("0") else 0
        return (f"{number:0{width}}" for number in range(int(first[:12]), int(last[:12]) + 1, step))
    if first.isalpha() and last.isalpha():
        return (chr(code) for code in range(ord(first), ord(last) + 1, step))
    return ()


def _ancestors(inventory: Inventory) -> Mapping[str, list[str]]:
    """Group → the groups that have it as a child."""
    above: dict[str, list[str]] = {}
    for name, group in inventory.groups.items():
        for child in group.children:
            above.setdefault(child, []).append(name)
    return above


def _all_above(name: str, above: Mapping[str, list[str]]) -> list[str]:
    """All groups over a group, however far; a group inside itself ends the search."""
    found: dict[str, None] = {}
    waiting = list(above.get(name, []))
    while waiting:
        each = waiting.pop()
        if each not in found and each != name:
            found[each] = None
            waiting += above.get(each, [])
    return list(found)


def _depths(groups: Iterable[str], above: Mapping[str, list[str]]) -> dict[str, int]:
    """The longest chain of groups above a group: the deeper one's variables win."""
    depth = dict.fromkeys(groups, 0)
    for _ in range(_DEEPEST):  # a group inside itself would never settle
        deeper = {name: max((1 + depth.get(each, 0) for each in above.get(name, ())), default=0) for name in depth}
        if deeper == depth:
            break
        depth = deeper
    return depth


def _roles(inventory: Inventory) -> dict[str, str]:
    """Group → role, by the group's name. `server` means control plane only beside a group `agent`."""
    roles = {name: role_of(name) for name in inventory.groups if role_of(name)}
    plain = {simplified(name).removesuffix("s"): name for name in inventory.groups}
    if "agent" in plain and "server" in plain:
        roles[plain["server"]] = CONTROL_PLANE
    # A group over both (`nodes` with the children masters and workers) implies no role.
    above = _ancestors(inventory)
    both = {name for each, role in roles.items() if role == CONTROL_PLANE for name in _all_above(each, above)}
    return {name: role for name, role in roles.items() if not (role == WORKER and name in both)}


def _put(machine: Machine, name: str, value: Any, line: int, collector: Collector) -> bool:
    field_name = _FIELDS.get(name, name)
    text = _as_text(field_name, value)
    if text is None:
        collector.problem(line, f"{name} of {machine.name} has a value of the wrong type", "write it as text")
        return False
    if field_name == "nodeIP" and text == machine.address:
        return True
    return collector.put(machine, field_name, text, line) if text else True


def _as_text(field_name: str, value: Any) -> str | None:
    if isinstance(value, Unclear):
        return value.text
    if field_name in ("labels", "taints"):
        if isinstance(value, str) and value.startswith(("{", "[")):  # the INI form of a mapping or list
            try:
                value = json.loads(value.replace("'", '"'))
            except (ValueError, RecursionError):
                return None
        if isinstance(value, dict):
            pairs = [(key, "true" if inner is True else inner) for key, inner in value.items()]
            fits = all(isinstance(inner, (str, int)) for _, inner in pairs)
            return " ".join(f"{key}={inner}" for key, inner in pairs) if fits else None
        if isinstance(value, list):
            return " ".join(value) if all(isinstance(inner, str) for inner in value) else None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).strip()
