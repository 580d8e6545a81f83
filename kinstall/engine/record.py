"""The node's record: one JSON line for each thing that was made or replaced there, written before it was.

It lives on the node (`/var/lib/kinstall/record`), so any workstation can undo what was done. The order of the lines
is the order of the changes; an undo walks it backwards.

A line `{"kind":"format","format":N}` says of which format the record is; without one it is of format 1. Whatever
changes what a line means raises FORMAT, and then that line is written first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum

from kinstall.errors import NewerFormat

FORMAT = 1


class Kind(StrEnum):
    DIRECTORY = "directory"
    FILE = "file"
    UNIT = "unit"
    SCRIPT = "script"


class Was(StrEnum):
    """What was in a directory's place before."""

    ABSENT = "absent"
    EMPTY = "empty"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `subject` is a path, a unit's or a script's name.

    `was`, `tree`, `mode` (octal) and `owner` belong to directories, the last two as they were before; `backup` is the
    path of a file's earlier content ("" where there was none); `enabled` and `active`: the unit's state before;
    `undo` is sh code.
    """

    kind: Kind
    subject: str
    was: Was = Was.ABSENT
    tree: bool = False
    mode: str = ""
    owner: str = ""
    backup: str = ""
    enabled: bool = False
    active: bool = False
    undo: str = ""

    @property
    def key(self) -> tuple[Kind, str]:
        return self.kind, self.subject

    def line(self) -> str:
        """The entry as one line of JSON, without what has its default value."""
        return json.dumps({k: v for k, v in asdict(self).items() if v not in ("", False)}, separators=(",", ":"))


def parse(lines: Iterable[str]) -> tuple[Entry, ...]:
    """The entries of a record. A line that a crash cut off is left out: its change never began.

    Raises:
        NewerFormat: a newer kinstall wrote it; to leave out what this one does not know would be to never undo it
    """
    return tuple(entry for line in lines if (entry := _entry(line)))


def _entry(line: str) -> Entry | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    if data.get("kind") == "format":
        if data.get("format") != FORMAT:
            raise NewerFormat("the node's record", data.get("format"), FORMAT)
        return None
    try:
        known = {**data, "kind": Kind(data["kind"]), "was": Was(data.get("was", Was.ABSENT))}
        entry = Entry(**known)
    except (ValueError, TypeError, KeyError):
        entry = None
    if entry is None or not _typed(entry):
        raise NewerFormat("the node's record", f"later than {FORMAT}", FORMAT)
    return entry


def _typed(entry: Entry) -> bool:
    """Whether each field holds what its type says: anybody who has the node can write there what they like."""
    flags = {"tree", "enabled", "active"}
    kinds = {each.name: bool if each.name in flags else str for each in fields(Entry)}
    return all(isinstance(getattr(entry, name), kind) for name, kind in kinds.items())


def undo_order(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The order in which changes are undone: the last first, each subject once, as it was recorded first."""
    first: dict[tuple[Kind, str], Entry] = {}
    for entry in entries:
        first.setdefault(entry.key, entry)
    return tuple(reversed(first.values()))
