"""Ansible's INI inventory: `[group]`, `[group:children]`, `[group:vars]`, hosts with variables and ranges."""

from __future__ import annotations

import re

from kinstall.inventory.ansible import Inventory, read_inventory, refuse_encrypted
from kinstall.inventory.machines import Collector, Imported, words_of

_SECTION = re.compile(r"\[(?P<name>[^\]:]+)(?::(?P<kind>\w+))?\]\s*(?:[#;].*)?")
_WITH_PORT = re.compile(r"(?P<host>[^:\[\]]+(?:\[[^\]]+\][^:\[\]]*)*):(?P<port>[0-9]+)")


def read_ansible_ini(text: str) -> Imported:
    """The machines of an inventory in Ansible's INI form."""
    collector = Collector()
    if refuse_encrypted(text, collector):
        return collector.finish()
    inventory = Inventory(collector)
    parse_ini(text, inventory)
    return read_inventory(inventory)


def parse_ini(text: str, inventory: Inventory) -> None:
    """Add what a text in the INI form says to an inventory."""
    group, kind = "ungrouped", "hosts"
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            match = _SECTION.fullmatch(line)
            group, kind = (match["name"].strip(), match["kind"] or "hosts") if match else ("", "")
            if kind in ("hosts", "children", "vars"):
                inventory.group(group)
            else:
                inventory.collector.problem(number, "a section that is not [group], [group:children] or [group:vars]")
        elif kind == "hosts":
            _host(line, number, group, inventory)
        elif kind == "children":
            child = line.split()[0]
            inventory.group(group).children[child] = number
            inventory.group(child)
        elif kind == "vars":
            _variable(line, number, group, inventory)


def _host(line: str, number: int, group: str, inventory: Inventory) -> None:
    try:
        pattern, *pairs = words_of(line)
    except ValueError as error:
        inventory.collector.problem(number, str(error), "close it, or remove it")
        return
    port = ""
    if match := _WITH_PORT.fullmatch(pattern):
        pattern, port = match["host"], match["port"]
    for name in inventory.host(pattern, group, number):
        own = inventory.hosts[name].variables
        if port:
            own["ansible_port"] = (port, number)
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if equals:
                inventory.keep(own, key, value, number, name)
            else:
                # Not repeated: it may be the second half of a password.
                inventory.collector.problem(number, "a word without = after the host", "write name=value")


def _variable(line: str, number: int, group: str, inventory: Inventory) -> None:
    key, equals, value = line.partition("=")
    if not equals:
        inventory.collector.problem(number, "a line without = below :vars", "write name=value")
        return
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    inventory.keep(inventory.group(group).variables, key.strip(), value, number, f"group {group}")
