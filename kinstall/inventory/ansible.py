"""An Ansible inventory's groups, hosts and variables → machines. Each of its forms has a module beside this.

Roles come from groups by their usual names. Variables follow Ansible's precedence: all, parents, children, then the
same of the group_vars folder, then the host's, then those of host_vars.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kinstall.answers.document import Hidden, Unclear
from kinstall.cluster import CONTROL_PLANE, WORKER
from kinstall.inventory.columns import Machine, role_of, simplified
from kinstall.inventory.machines import MAX_MACHINES, Collector, Imported, shown, words_of
from kinstall.inventory.ssh_config import jump_of

MAX_GROUPS = 500
VAULT_TAGS = frozenset({"!vault", "!vault-encrypted"})
ENCRYPTED = "$ANSIBLE_VAULT;"

_FIELDS = {
    "ansible_host": "address",
    "ansible_ssh_host": "address",
    "ansible_user": "user",
    "ansible_ssh_user": "user",
    "ansible_port": "port",
    "ansible_ssh_port": "port",
    "ansible_ssh_private_key_file": "identityFile",
    "ansible_private_key_file": "identityFile",
    "ip": "nodeIP",  # kubespray's --node-ip; its access_ip is another thing
    "node_labels": "labels",
    "node_taints": "taints",
}
_ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args")
_PRIORITY = "ansible_group_priority"
_WITHOUT_MEANING = frozenset(
    {
        "ansible_become",
        "ansible_connection",
        "ansible_python_interpreter",
        "ansible_become_method",
        "ansible_become_user",
    }
)
_RANGE = re.compile(r"\[(?P<first>[0-9]+|[A-Za-z]):(?P<last>[0-9]+|[A-Za-z])(?::(?P<step>[0-9]+))?\]")
_PATTERN = re.compile(r"[\w.:\[\]-]+")
_MAX_RANGES = 4
_DEEPEST = 50
_TAKES_PODS = frozenset({"kubenode"})
"""Kubespray's group of nodes that pods may run on: a control plane that is in it too has no taint."""


Variables = dict[str, tuple[Any, int]]
"""Name → value and its line, only of those that are used."""


@dataclass(slots=True)
class Group:
    """`hosts` and `children`: name → the line that names it; `folder`: the variables of group_vars."""

    hosts: dict[str, int] = field(default_factory=dict)
    children: dict[str, int] = field(default_factory=dict)
    variables: Variables = field(default_factory=dict)
    folder: Variables = field(default_factory=dict)

    @property
    def priority(self) -> int:
        value, _ = self.variables.get(_PRIORITY, (1, 0))
        return int(value) if re.fullmatch(r"-?[0-9]{1,9}", str(value)) else 1


@dataclass(slots=True)
class Host:
    """`line`: the first that names it; `folder`: the variables of host_vars."""

    line: int
    variables: Variables = field(default_factory=dict)
    folder: Variables = field(default_factory=dict)


@dataclass(slots=True)
class Inventory:
    """`with_folders`: the folders group_vars and host_vars have been read, if there are any."""

    collector: Collector
    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    with_folders: bool = False

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
            self.hosts.setdefault(name, Host(line))
            self.group(group).hosts.setdefault(name, line)
            names.append(name)
        return names

    def keep(self, into: Variables, name: str, value: Any, line: int, owner: str) -> None:
        """Keep a variable that is used; of all others, and of secrets, only the name is reported."""
        if _is_encrypted(value):
            self.collector.among("encrypted with ansible-vault, and left out: {}", f"{shown(name)} of {owner}")
        elif name == _PRIORITY:
            into[name] = (value, line)
        elif name not in _FIELDS and name not in _ARGUMENTS:
            if name not in _WITHOUT_MEANING:
                self.collector.unused(name if name.isidentifier() else "…")
        elif isinstance(value, str) and "{{" in value:
            self.collector.among("templates are not filled in, and left out: {}", f"{name} of {owner}")
        elif name in _ARGUMENTS:
            # The whole text may hold anything; only the jump host is taken from it.
            jump = _jump_in(value) if isinstance(value, str) else ""
            if jump:
                into["proxyJump"] = (jump, line)
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
    groups_of: dict[str, set[str]] = {name: set() for name in inventory.hosts}
    for name, group in inventory.groups.items():
        for host in group.hosts:
            groups_of[host] |= {name, *over[name]}

    def values_of(host: str) -> Variables:
        order = sorted(groups_of[host] - {"all"}, key=lambda name: (depth[name], inventory.groups[name].priority, name))
        groups = [inventory.groups[name] for name in ("all", *order) if name in inventory.groups]
        values: Variables = {}
        for each in (*(group.variables for group in groups), *(group.folder for group in groups)):
            values |= each
        return values | inventory.hosts[host].variables | inventory.hosts[host].folder

    bastion = _bastion(inventory, groups_of, values_of) if roles else ""
    for host, entry in inventory.hosts.items():
        groups = groups_of[host]
        named = {roles[name] for name in groups if name in roles}
        if roles and not named:
            collector.among("left out, because they are in no group of control planes or workers: {}", host)
            continue
        role = CONTROL_PLANE if CONTROL_PLANE in named else "".join(named)
        machine = Machine(name=host, line=entry.line, role=role)
        values = values_of(host)
        if bastion:
            values.setdefault("proxyJump", (bastion, entry.line))
        fine = [_put(machine, name, value, at, collector) for name, (value, at) in values.items() if name != _PRIORITY]
        if len(named) == 2 and {simplified(name) for name in groups} & _TAKES_PODS:
            machine.taints = machine.taints or []
            collector.among("control planes that run pods too, because they are also in the group of nodes: {}", host)
        if all(fine):
            collector.machines.append(machine)
    if not inventory.with_folders:
        collector.note("group_vars and host_vars folders are not read, only the inventory itself")
    return collector.finish()


def _bastion(inventory: Inventory, groups_of: Mapping[str, set[str]], values_of: Callable[[str], Variables]) -> str:
    """kubespray's group `bastion`: its only host is the jump host of all others, as [user@]host[:port]; else ""."""
    hosts = [host for host, groups in groups_of.items() if any(simplified(name) == "bastion" for name in groups)]
    if len(hosts) != 1:
        return ""
    machine = Machine(name=hosts[0], address=hosts[0])
    for name, (value, line) in values_of(hosts[0]).items():
        if _FIELDS.get(name) in ("address", "user", "port"):
            _put(machine, name, value, line, inventory.collector)
    inventory.collector.note(f"{hosts[0]} is in the group bastion: the others are reached through it (proxyJump)")
    return (f"{machine.user}@" if machine.user else "") + machine.address + (f":{machine.port}" if machine.port else "")


def _is_encrypted(value: Any) -> bool:
    if isinstance(value, str):
        return value.lstrip().startswith(ENCRYPTED)
    # The second is how JSON has it.
    return isinstance(value, Hidden) or (isinstance(value, dict) and "__ansible_vault" in value)


def _jump_in(arguments: str) -> str:
    """The jump host in arguments of ssh (-J, -o ProxyJump=, -o ProxyCommand="ssh -W …"), or ""."""
    try:
        words = iter(words_of(arguments))
    except ValueError:
        return ""
    for word in words:
        if word.startswith("-J"):
            return word[2:] or next(words, "")
        if word.startswith("-o"):
            name, _, value = re.sub(r"[\s=]+", "=", (word[2:] or next(words, "")).strip(), count=1).partition("=")
            if name.lower() == "proxyjump":
                return value
            if name.lower() == "proxycommand":
                return jump_of(value)
    return ""


def refuse_encrypted(text: str, collector: Collector) -> bool:
    """Whether the whole text is encrypted, which becomes a problem."""
    if not text.lstrip().startswith(ENCRYPTED):
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
