"""Record entries → one POSIX sh program that puts back what was there before."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from kinstall.engine.diff import mark_name
from kinstall.engine.record import Entry, Kind, Was
from kinstall.engine.shell_functions import HEAD, functions


def undo_program(entries: Sequence[Entry], run: str) -> str:
    """A program that undoes `entries`, in the given order (see `record.undo_order`).

    The node must be the run's already. One entry that fails does not keep the others from being undone; kinstall's own
    folder goes only when all succeeded, and is named as one step more where it cannot go.
    """
    parts = [HEAD, f"RUN={quote(run)}\n", functions("remove"), functions("undo"), "take_lock\n"]
    for index, entry in enumerate(entries):
        parts.append(f"step_begins {index}; (\n{_undo(entry)}\n) </dev/null 9>&- 2>&1; step_ended {index} $?\n")
    parts.append(f"finish {len(entries)}\n")
    return "".join(parts)


def _undo(entry: Entry) -> str:
    path = quote(entry.subject)
    match entry.kind:
        case Kind.UNIT:
            return _unit(entry)
        case Kind.SCRIPT:
            return entry.undo
        case Kind.FILE if entry.backup:
            return f"put_back {path} {quote(entry.backup)}"
        case Kind.FILE:
            return f"rm -f -- {path}"
    if entry.was is Was.ABSENT:
        return f"remove_tree {path}" if entry.tree else f"remove_folder {path}"
    clear = f"empty_folder {path}; emptied=$?\n" if entry.tree and entry.was is Was.EMPTY else "emptied=0\n"
    return f"{clear}restore_folder {path} {quote(entry.mode)} {quote(entry.owner)} && [ $emptied = 0 ]"


def _unit(entry: Entry) -> str:
    name = quote(entry.subject)
    lines = (
        "" if entry.active else f"stop_unit {name}",
        "" if entry.enabled else f"disable_unit {name}",
        entry.undo,
        f"restart_unit {name} {mark_name(f'unit {entry.subject}')}" if entry.active else "",
    )
    return "\n".join(line for line in lines if line) or ":"
