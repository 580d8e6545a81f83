"""Imported rows merged into existing ones: the same machine is recognised by its address or name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinstall.cluster import CONTROL_PLANE
from kinstall.inventory.machines import Imported


@dataclass(frozen=True, slots=True)
class Merged:
    """`nodes`: all rows, existing ones first and in their order; `added` and `updated`: names."""

    nodes: tuple[dict[str, Any], ...]
    added: tuple[str, ...]
    updated: tuple[str, ...]
    notices: tuple[str, ...]


def merge(existing: Sequence[Mapping[str, Any]], imported: Imported, *, update: bool) -> Merged:
    """The rows of both. For a machine that already exists (same address, or else same name) the import's values
    replace the existing ones if `update` is set, except its name; else it is unchanged. Arguments are not modified.
    """
    rows: list[dict[str, Any]] = [dict(row) for row in existing]
    added, updated, alone = [], [], []
    for row in imported.nodes:
        known = next((each for each in rows if each.get("address") == row["address"]), None) or next(
            (each for each in rows if each.get("name") == row["name"]), None
        )
        if known is None:
            rows.append(dict(row))
            added.append(row["name"])
        elif update:
            _update(known, row, has_roles=imported.has_roles)
            updated.append(str(known.get("name", row["name"])))
        else:
            alone.append(row["name"])
    notices = [f"already in the list, and not changed: {', '.join(alone)}"] if alone else []
    if rows and not imported.has_roles and not any(row.get("role") == CONTROL_PLANE for row in rows):
        rows[0]["role"] = CONTROL_PLANE
        notices.append(f"the list names no roles: {rows[0].get('name')}, the first, became the control plane")
    return Merged(tuple(rows), tuple(added), tuple(updated), tuple(notices))


def _update(known: dict[str, Any], row: Mapping[str, Any], *, has_roles: bool) -> None:
    for key, value in row.items():
        if key == "name" or (key == "role" and not has_roles):
            continue
        both = isinstance(value, dict) and isinstance(known.get(key), dict)
        known[key] = {**known[key], **value} if both else value
