"""Steps against an observation: what is still to be done, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from posixpath import dirname

from kinstall.engine.observation import Observation, PathState, UnitState
from kinstall.engine.record import Entry, Kind, Was
from kinstall.engine.steps import Directory, Download, File, Image, Script, Step, Unit, Wait, input_digest

STATE = "/var/lib/kinstall"


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    START = "start"
    RESTART = "restart"
    RUN = "run"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Pending:
    """A step that has something to do; `detail` says what is different on the node.

    `closed`: a file that everybody may read replaces one that the node keeps to root, such as one with a password that
    is no longer needed. What is there must not be shown, like a secret that comes.
    """

    step: Step
    action: Action
    detail: str = ""
    closed: bool = False


def mark_name(step_id: str) -> str:
    """The name of the step's mark: a file that says with which inputs the step was last brought about."""
    return sha256(step_id.encode()).hexdigest()[:24]


def backup_path(path: str) -> str:
    """Where the earlier content of `path` is kept on the node."""
    return f"{STATE}/backup/{mark_name(path)}"


def pending(steps: Sequence[Step], seen: Observation, providers: Sequence[Step] | None = None) -> tuple[Pending, ...]:
    """What of `steps` is to be done, in order. `providers`: all steps of the node, where inputs are looked up."""
    providers = steps if providers is None else providers
    found: list[Pending] = []
    changed: set[str] = set()
    for step in steps:
        item = _pending(step, seen, providers, changed)
        if item is not None:
            found.append(item)
            if isinstance(step, File):
                changed.add(step.path)
            elif isinstance(step, Download):
                changed.update((step.path, *step.destinations))
    return tuple(found)


def _pending(step: Step, seen: Observation, providers: Sequence[Step], changed: set[str]) -> Pending | None:
    match step:
        case Directory():
            return _directory(step, seen)
        case File():
            return _file(step, seen.paths.get(step.path))
        case Download():
            return _download(step, seen)
        case Image():
            return _image(step, seen)
        case Unit():
            return _unit(step, seen, providers, changed)
        case Script():
            return _script(step, seen, providers, changed)
        case Wait():
            return None if seen.checks.get(step.id) else Pending(step, Action.WAIT)


def _image(step: Image, seen: Observation) -> Pending | None:
    # A runtime that is stopped cannot be asked: what was pulled once counts until it runs again.
    once = seen.marks.get(mark_name(step.id)) == step.ref
    return (
        None
        if (once if seen.images is None else step.ref in seen.images)
        else Pending(step, Action.CREATE, "not there")
    )


def _directory(step: Directory, seen: Observation) -> Pending | None:
    state = seen.paths.get(step.path)
    if state is None:
        return Pending(step, Action.CREATE)
    detail = _mode_and_owner(step, state)
    if not detail and step.tree and state.empty and (Kind.DIRECTORY, step.path) not in {e.key for e in seen.record}:
        detail = "what comes into it is not this cluster's yet"  # only what is recorded is emptied again
    return Pending(step, Action.CHANGE, detail) if detail else None


def _file(step: File, state: PathState | None) -> Pending | None:
    if state is None:
        return Pending(step, Action.CREATE)
    if state.kind not in ("regular file", "regular empty file"):
        return Pending(step, Action.CHANGE, f"is a {state.kind}")
    if state.digest != step.digest:
        return Pending(
            step, Action.CHANGE, "content differs", closed=bool(step.mode & 0o044) and not state.mode & 0o044
        )
    detail = _mode_and_owner(step, state)
    return Pending(step, Action.CHANGE, detail) if detail else None


def _mode_and_owner(step: Directory | File, state: PathState) -> str:
    wrong = []
    if state.mode != step.mode:
        wrong.append(f"mode is {state.mode:04o}, shall be {step.mode:04o}")
    if state.owner != step.owner:
        wrong.append(f"owner is {state.owner}, shall be {step.owner}")
    return ", ".join(wrong)


def download_mark(step: Download, stamps: Iterable[str]) -> str:
    """The mark of a download: its digest and the stamps of the files at its destinations (as git's index does)."""
    return " ".join([step.sha256, *stamps])


def _download(step: Download, seen: Observation) -> Pending | None:
    missing = [path for path in step.destinations if path not in seen.paths]
    if missing:
        return Pending(step, Action.CREATE, f"{', '.join(missing)}: not there")
    mark = seen.marks.get(mark_name(step.id), "")
    if mark == download_mark(step, (seen.paths[path].stamp for path in step.destinations)):
        return None
    return Pending(step, Action.CHANGE, "another version" if mark.split(" ")[0] != step.sha256 else "was changed")


def _stale(step: Unit | Script, seen: Observation, providers: Sequence[Step], changed: set[str]) -> str:
    """Why the inputs are no longer those that the step was brought about with; "" when they are."""
    touched = [path for path in step.inputs if path in changed]
    if touched:
        return f"{touched[0]} changes" if len(touched) == 1 else f"{len(touched)} of its files change"
    if seen.marks.get(mark_name(step.id)) != input_digest(step.inputs, providers):
        return "its files changed since it started" if isinstance(step, Unit) else "its files changed since it ran"
    return ""


def _unit(step: Unit, seen: Observation, providers: Sequence[Step], changed: set[str]) -> Pending | None:
    state = seen.units.get(step.name)
    if state is None or not state.exists:
        return Pending(step, Action.START, "not there")
    if not state.active:
        return Pending(step, Action.START, "not active")
    stale = _stale(step, seen, providers, changed)
    if stale:
        return Pending(step, Action.RESTART, stale)
    return None if state.enabled else Pending(step, Action.CHANGE, "not enabled")


def _script(step: Script, seen: Observation, providers: Sequence[Step], changed: set[str]) -> Pending | None:
    if step.check and not seen.checks.get(step.id):
        return Pending(step, Action.RUN)
    stale = _stale(step, seen, providers, changed) if step.inputs or not step.check else ""
    return Pending(step, Action.RUN, stale if step.check else "") if stale else None


def ancestors(steps: Iterable[Step]) -> tuple[str, ...]:
    """Directories above the steps' paths that no step names, the outer before the inner."""
    steps = tuple(steps)
    named = {step.path for step in steps if isinstance(step, Directory)}
    above: set[str] = set()
    for path in paths_of(steps):
        parent = dirname(path)
        while parent != "/" and parent not in above:
            above.add(parent)
            parent = dirname(parent)
    return tuple(sorted(above - named))


def paths_of(steps: Iterable[Step]) -> tuple[str, ...]:
    """Every path that exists once the steps are done."""
    found: dict[str, None] = {}
    for step in steps:
        if isinstance(step, (Directory, File)):
            found[step.path] = None
        elif isinstance(step, Download):
            found.update(dict.fromkeys(step.destinations))
    return tuple(found)


def entries_for(todo: Sequence[Pending], seen: Observation) -> tuple[Entry, ...]:
    """What the record must say before `todo` begins: only of things it does not know yet."""
    known = {entry.key for entry in seen.record}
    above = [Entry(Kind.DIRECTORY, path) for path in ancestors(p.step for p in todo) if path not in seen.paths]
    asked = [entry for item in todo for entry in _entries(item.step, seen)]
    folders = [entry for entry in (*above, *asked) if entry.kind is Kind.DIRECTORY]
    # An undo walks backwards: an inner folder must come after the outer one.
    wanted = [
        *sorted(folders, key=lambda entry: entry.subject),
        *(entry for entry in asked if entry.kind is not Kind.DIRECTORY),
    ]
    fresh: dict[tuple[Kind, str], Entry] = {}
    for entry in wanted:
        if entry.key not in known:
            fresh.setdefault(entry.key, entry)
    return tuple(fresh.values())


def _entries(step: Step, seen: Observation) -> list[Entry]:
    match step:
        case Directory():
            state = seen.paths.get(step.path)
            if state is None:
                return [Entry(Kind.DIRECTORY, step.path, tree=step.tree)]
            was, mode = Was.EMPTY if state.empty else Was.KEPT, f"{state.mode:o}"
            return [Entry(Kind.DIRECTORY, step.path, was=was, tree=step.tree, mode=mode, owner=state.owner)]
        case File():
            return [_file_entry(step.path, seen)]
        case Download():
            return [_file_entry(path, seen) for path in step.destinations]
        case Unit():
            unit = seen.units.get(step.name) or UnitState(active=False, enabled=False, exists=False)
            return [Entry(Kind.UNIT, step.name, enabled=unit.enabled, active=unit.active, undo=step.undo)]
        case Script() if step.undo:
            return [Entry(Kind.SCRIPT, step.name, undo=step.undo)]
        case _:
            return []


def _file_entry(path: str, seen: Observation) -> Entry:
    return Entry(Kind.FILE, path, backup=backup_path(path) if path in seen.paths else "")


def stale_marks(todo: Sequence[Pending], providers: Sequence[Step]) -> tuple[str, ...]:
    """Marks to remove before `todo` begins: what was brought about with inputs that now change."""
    changed: set[str] = set()
    for item in todo:
        if isinstance(item.step, File):
            changed.add(item.step.path)
        elif isinstance(item.step, Download):
            changed.update((item.step.path, *item.step.destinations))
    return tuple(
        mark_name(step.id)
        for step in providers
        if isinstance(step, (Unit, Script)) and changed.intersection(step.inputs)
    )
