"""Ansible's YAML inventory: groups with `hosts`, `children` and `vars`. Encrypted values are never read."""

from __future__ import annotations

from typing import Any

from kinstall.answers.document import Document, Unreadable, read
from kinstall.answers.fields import Path, written
from kinstall.inventory.ansible import VAULT_TAGS, Inventory, read_inventory, refuse_encrypted
from kinstall.inventory.machines import Collector, Imported

_SHAPE = "write groups with hosts:, children: and vars: below them"


def read_ansible_yaml(text: str) -> Imported:
    """The machines of an inventory in Ansible's YAML form."""
    collector = Collector()
    if refuse_encrypted(text, collector):
        return collector.finish()
    inventory = Inventory(collector)
    return read_inventory(inventory) if parse_yaml(text, inventory) else collector.finish()


def parse_yaml(text: str, inventory: Inventory) -> bool:
    """Add what a text in the YAML form says to an inventory; False where it is not one."""
    collector = inventory.collector
    document = read_mapping(text, collector, "this is not an inventory", _SHAPE)
    if document is None:
        return False
    if isinstance(document.data.get("nodes"), list):
        collector.problem(1, "this is an answers file, not an inventory", "open it with kinstall --answers FILE")
        return False
    reader = _Reader(inventory, document)
    for name, group in document.data.items():
        reader.group(name, group, (name,))
    return True


def read_mapping(text: str, collector: Collector, complaint: str, remedy: str) -> Document | None:
    """The text as YAML with a mapping at its top; None where it is something else, which becomes a problem."""
    try:
        document = read(text, hide=VAULT_TAGS, merge_keys=True)
    except Unreadable as error:
        collector.problem(error.problem.line, error.problem.message, error.problem.remedy)
        return None
    for each in document.problems:
        collector.problem(each.line, each.message, each.remedy)
    if document.data is None:
        document.data = {}  # an empty file, or `---` alone
    if not isinstance(document.data, dict):
        collector.problem(1, complaint, remedy)
        return None
    return document


class _Reader:
    def __init__(self, inventory: Inventory, document: Document) -> None:
        self._inventory = inventory
        self._lines = document.lines

    def group(self, name: str, data: Any, path: Path) -> None:
        group = self._inventory.group(name)
        for key, value in self._mapping(data, path).items():
            here = (*path, key)
            if key == "hosts":
                self._hosts(name, value, here)
            elif key == "children":
                for child, inner in self._mapping(value, here).items():
                    group.children[child] = self._line((*here, child))
                    self.group(child, inner, (*here, child))
            elif key == "vars":
                for variable, inner in self._mapping(value, here).items():
                    line = self._line((*here, variable))
                    self._inventory.keep(group.variables, variable, inner, line, f"group {name}")
            else:
                self._inventory.collector.problem(self._line(here), "a key that groups do not have", _SHAPE)

    def _hosts(self, group: str, data: Any, path: Path) -> None:
        if isinstance(data, str):
            data = {data: None}
        if isinstance(data, list) and all(isinstance(each, str) for each in data):
            data = dict.fromkeys(data)
        for pattern, variables in self._mapping(data, path).items():
            here = (*path, pattern)
            names = self._inventory.host(pattern, group, self._line(here))
            for variable, value in self._mapping(variables, here).items():
                for name in names:
                    own = self._inventory.hosts[name].variables
                    self._inventory.keep(own, variable, value, self._line((*here, variable)), name)

    def _mapping(self, data: Any, path: Path) -> dict[str, Any]:
        if data is None:
            return {}
        if isinstance(data, dict):
            return data
        self._inventory.collector.problem(self._line(path), "expected a mapping", _SHAPE)
        return {}

    def _line(self, path: Path) -> int:
        return self._lines.get(written(path), 1)
