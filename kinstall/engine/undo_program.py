"""Record entries → one POSIX sh program that puts back what stood there before."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from kinstall.engine.diff import STATE, mark_name
from kinstall.engine.record import Entry, Kind, Was
from kinstall.engine.shell_functions import HEAD

_UNDO = """\
trap '' HUP PIPE
bad=0
b() { own || halt; say "begin	$1"; }
e() { say "end	$1	$2"; [ "$2" = 0 ] || bad=1; }
own || halt
exec 9>$D/lock
lock -x
"""


def undo_program(entries: Sequence[Entry], run: str) -> str:
    """A program that undoes `entries`, in the given order (see `record.undo_order`).

    The node must be the run's already. One entry that fails does not keep the others from being undone; kinstall's own
    folder goes only when all succeeded.
    """
    parts = [HEAD, f"R={quote(run)}\n", _UNDO]
    for index, entry in enumerate(entries):
        parts.append(f"b {index}; (\n{_undo(entry)}\n) </dev/null 9>&- 2>&1; e {index} $?\n")
    parts.append(
        "systemctl daemon-reload; systemctl reset-failed 2>/dev/null\n"
        f"[ $bad = 0 ] && rm -rf {STATE} $D\nsay done\nexit $bad\n"
    )
    return "".join(parts)


def _undo(entry: Entry) -> str:
    path = quote(entry.subject)
    match entry.kind:
        case Kind.UNIT:
            return _unit(entry)
        case Kind.SCRIPT:
            return entry.undo
        case Kind.FILE if entry.backup:
            # A restored file has its old content, mode, owner and times: cp -a kept them.
            kept = entry.backup
            return f"{{ [ ! -e {kept} ] && [ ! -h {kept} ]; }} || {{ rm -rf -- {path} && mv -f -- {kept} {path}; }}"
        case Kind.FILE:
            return f"rm -f -- {path}"
    if entry.was is Was.ABSENT:
        # A folder that others put something into stays; only a tree goes with all that is in it.
        return f"rm -rf --one-file-system -- {path}" if entry.tree else f"rmdir -- {path} 2>/dev/null || :"
    empty = entry.tree and entry.was is Was.EMPTY
    clear = f"( cd {path} && rm -rf --one-file-system -- ./* ./.[!.]* ./..?* )\n" if empty else ""
    return f"[ -d {path} ] || exit 0\n{clear}chmod {quote(entry.mode)} {path} && chown {quote(entry.owner)} {path}"


def _unit(entry: Entry) -> str:
    name = quote(entry.subject)
    lines = []
    if not entry.active:
        lines.append(f"systemctl stop {name} || systemctl kill -s KILL {name} || :")
    if not entry.enabled:
        lines.append(f"systemctl --no-reload disable -q {name} 2>/dev/null || :")
    lines.append(entry.undo)
    if entry.active:
        # Its files were put back by the entries before this one only when it is undone first; so it restarts last.
        lines.append(f"rm -f {STATE}/marks/{mark_name('unit ' + entry.subject)}; systemctl restart {name} || :")
    return "\n".join(line for line in lines if line) or ":"
