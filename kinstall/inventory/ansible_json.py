"""What `ansible-inventory --list` and inventory scripts print: groups, and the hosts' variables under `_meta`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kinstall.inventory.ansible import Inventory, read_inventory
from kinstall.inventory.machines import Collector, Imported

_SHAPE = "import what `ansible-inventory -i INVENTORY --list` prints"


def read_ansible_json(text: str) -> Imported:
    """The machines of an inventory in Ansible's JSON form."""
    inventory = Inventory(Collector())
    return read_inventory(inventory) if parse_json(text, inventory) else inventory.collector.finish()


def parse_json(text: str, inventory: Inventory) -> bool:
    """Add what a text in the JSON form says to an inventory; False where it is not one."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        inventory.collector.problem(error.lineno, "this is not valid JSON", _SHAPE)
        return False
    except (ValueError, RecursionError):  # a number of thousands of digits; nested without end
        inventory.collector.problem(1, "this is not an inventory", _SHAPE)
        return False
    if not isinstance(data, dict):
        inventory.collector.problem(1, "this is not an inventory", _SHAPE)
        return False
    for name, group in data.items():
        if name != "_meta":
            _group(name, {"hosts": group} if isinstance(group, list) else _mapping(group), inventory)
    for host, variables in _mapping(_mapping(data.get("_meta")).get("hostvars")).items():
        # Ansible lists variables of hosts that are in no group too.
        if host in inventory.hosts or inventory.host(host, "ungrouped", 0):
            for name, value in _mapping(variables).items():
                inventory.keep(inventory.hosts[host].variables, name, value, 0, host)
    return True


def _group(name: str, data: Mapping[str, Any], inventory: Inventory) -> None:
    group = inventory.group(name)
    for host in _texts(data.get("hosts")):
        inventory.host(host, name, 0)
    for child in _texts(data.get("children")):
        group.children[child] = 0
        inventory.group(child)
    for variable, value in _mapping(data.get("vars")).items():
        inventory.keep(group.variables, variable, value, 0, f"group {name}")


def _mapping(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _texts(data: Any) -> list[str]:
    return [each for each in data if isinstance(each, str)] if isinstance(data, list) else []
