"""A node in memory that interprets the step types: it keeps files, units, images, marks and the record.

A script's code is never run. What it brings about is remembered by its text: a script that says something else has
its work still to do, as it mostly has on a real node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from kinstall.engine.diff import download_mark, entries_for, mark_name, stale_marks
from kinstall.engine.host import Listener, Work
from kinstall.engine.observation import Observation, PathState, UnitState
from kinstall.engine.record import Entry, Kind, Was
from kinstall.engine.steps import Directory, Download, File, Image, Script, Step, Unit, Wait, input_digest
from kinstall.errors import NodeBusy

FOLDERS = (
    *("/etc", "/etc/modules-load.d", "/etc/sysctl.d", "/etc/systemd", "/etc/systemd/system", "/opt", "/run"),
    *("/usr", "/usr/local", "/usr/local/bin", "/usr/local/lib", "/var", "/var/lib", "/var/log"),
)
"""What any system has before anybody installs something."""

_FOLDER = PathState("directory", 0o755, "root:root", "0:0:0")


@dataclass(frozen=True, slots=True)
class Trouble:
    """How a step goes wrong: what it says, and its exit status."""

    status: int
    lines: tuple[str, ...] = ()


@dataclass(slots=True)
class Disk:
    """What a node keeps while nobody works on it. `contents` are those of files; `done` digests of scripts and waits.

    `kept`: what stood in a path's place before it was first changed, None where nothing did.
    """

    paths: dict[str, PathState] = field(default_factory=lambda: dict.fromkeys(FOLDERS, _FOLDER))
    contents: dict[str, bytes] = field(default_factory=dict)
    units: dict[str, UnitState] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    marks: dict[str, str] = field(default_factory=dict)
    record: tuple[Entry, ...] = ()
    kept: dict[str, tuple[PathState, bytes | None]] = field(default_factory=dict)


class SimulatedHost:
    """`interfere` is asked before each step, with the phase's name: it may raise a TransportError, or say how the step
    goes wrong. `reach` is called at each question to the node, and may raise too.
    """

    def __init__(
        self,
        name: str,
        disk: Disk | None = None,
        interfere: Callable[[str, Step], Trouble | None] = lambda phase, step: None,
        reach: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.disk = disk or Disk()
        self.owner = ""
        self._interfere = interfere
        self._reach = reach

    def observe(
        self,
        steps: Sequence[Step],
        run: str = "",
        waits: Callable[[str], None] = lambda reason: None,
        take: bool = True,
    ) -> Observation:
        self._reach()
        if run and (take or not self.owner):
            self.owner = run
        if run and self.owner != run:
            raise NodeBusy(self.name, "another run took this node over", "let one run end before the next begins")
        disk = self.disk
        return Observation(
            paths=dict(disk.paths),
            units=dict(disk.units),
            images=frozenset(disk.images),
            checks={step.id: self._holds(step) for step in steps if isinstance(step, (Script, Wait)) and step.check},
            marks=dict(disk.marks),
            record=disk.record,
            tools=frozenset({"curl", "openssl"}),
        )

    def apply(self, work: Work, listener: Listener) -> bool:
        self._reach()
        disk, stale = self.disk, stale_marks(work.todo, work.providers)
        disk.record += entries_for(work.todo, work.seen)
        for mark in stale:
            disk.marks.pop(mark, None)
        for index in sorted(range(len(work.todo)), key=lambda index: _turn(work.todo[index].step)):
            step = work.todo[index].step
            if self.owner != work.run:
                return False
            listener.began(index)
            trouble = self._interfere(work.phase, step)
            if trouble:
                for line in trouble.lines:
                    listener.said(index, line)
                listener.ended(index, trouble.status)
                return False
            self.bring_about(step, work.providers)
            listener.ended(index, 0)
        return True

    def bring_about(self, step: Step, providers: Sequence[Step]) -> None:
        """What the step does, at once. `providers`: all steps of the node, where inputs are looked up."""
        disk = self.disk
        match step:
            case Directory():
                self._put(step.path, PathState("directory", step.mode, step.owner, "0:0:0"))
            case File():
                self._put(
                    step.path,
                    PathState("regular file", step.mode, step.owner, f"{len(step.content)}:0:0", step.digest),
                    step.content,
                )
            case Download():
                stamp = f"{step.sha256[:12]}:0:0"
                for path in step.destinations:
                    self._put(path, PathState("regular file", step.mode, "root:root", stamp))
                disk.marks[mark_name(step.id)] = download_mark(step, [stamp for _ in step.destinations])
            case Image():
                disk.images.add(step.ref)
                disk.marks[mark_name(step.id)] = step.ref
            case Unit():
                disk.units[step.name] = UnitState(active=True, enabled=True)
                disk.marks[mark_name(step.id)] = input_digest(step.inputs, providers)
            case Script():
                for path in step.removes:
                    self._remove(path)
                disk.done.add(_text(step))
                disk.marks[mark_name(step.id)] = input_digest(step.inputs, providers)
            case Wait():
                disk.done.add(_text(step))

    def undo(self, entries: Sequence[Entry], run: str, listener: Listener) -> bool:
        self._reach()
        good = True
        for index, entry in enumerate(entries):
            if self.owner != run:
                return False
            listener.began(index)
            trouble = self.undoing(entry)
            for line in trouble.lines if trouble else ():
                listener.said(index, line)
            if not trouble:
                self._take_back(entry)
            listener.ended(index, trouble.status if trouble else 0)
            good = good and not trouble
        if good:
            disk = self.disk
            disk.record, disk.marks, disk.kept = (), {}, {}
            disk.done.clear()
            disk.images.clear()  # they lay in a tree that is gone
        return good

    def undoing(self, entry: Entry) -> Trouble | None:
        """How taking an entry back goes wrong; it goes well here."""
        return None

    def read(self, paths: Sequence[str]) -> dict[str, bytes]:
        self._reach()
        return {path: self.disk.contents[path] for path in paths if path in self.disk.contents}

    def stop(self, run: str) -> None:
        if self.owner == run:
            self.owner = "stopped by the operator"

    def close(self) -> None: ...

    def _holds(self, step: Script | Wait) -> bool:
        if isinstance(step, Script) and step.removes:
            return not any(path in self.disk.paths for path in step.removes)
        return _text(step) in self.disk.done

    def _put(self, path: str, state: PathState, content: bytes | None = None) -> None:
        disk = self.disk
        parent = path.rpartition("/")[0]
        while parent and parent not in disk.paths:
            disk.paths[parent] = _FOLDER
            parent = parent.rpartition("/")[0]
        if path in disk.paths and path not in disk.kept:
            disk.kept[path] = (disk.paths[path], disk.contents.get(path))
        disk.paths[path] = state
        disk.contents.pop(path, None)
        if content is not None:
            disk.contents[path] = content

    def _remove(self, path: str) -> None:
        self.disk.paths.pop(path, None)
        self.disk.contents.pop(path, None)

    def _take_back(self, entry: Entry) -> None:
        disk, path = self.disk, entry.subject
        match entry.kind:
            case Kind.UNIT:
                disk.units[path] = UnitState(entry.active, entry.enabled, exists=entry.active or entry.enabled)
            case Kind.FILE if entry.backup and path in disk.kept:
                self._remove(path)
                disk.paths[path], content = disk.kept[path]
                if content is not None:
                    disk.contents[path] = content
            case Kind.FILE:
                self._remove(path)
            case Kind.DIRECTORY if entry.was is Was.ABSENT:
                below = [each for each in disk.paths if each.startswith(f"{path}/")]
                if entry.tree or not below:
                    for each in (path, *below):
                        self._remove(each)
            case Kind.DIRECTORY if path in disk.paths:
                mode = int(entry.mode, 8) if entry.mode else disk.paths[path].mode
                disk.paths[path] = replace(disk.paths[path], mode=mode, owner=entry.owner or disk.paths[path].owner)
            case _:
                pass  # a script: what it brought about is forgotten with the marks


def _turn(step: Step) -> int:
    """Directories come first, then files, then the rest, as in the program that a real node gets."""
    return 0 if isinstance(step, Directory) else 1 if isinstance(step, File) else 2


def _text(step: Script | Wait) -> str:
    run = step.run if isinstance(step, Script) else ""
    return sha256(f"{step.id}\0{step.check}\0{run}".encode()).hexdigest()
