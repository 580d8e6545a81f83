"""Steps are data: what a node should have, each checkable without changing anything.

A phase is a named group of steps per node together with the phases it waits for; a plan is the list of phases.
Within a phase directories and files come first, then everything else in the order of the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory. `tree`: whatever appears in it belongs to it, and an undo removes it all."""

    path: str
    mode: int = 0o755
    owner: str = "root:root"
    tree: bool = False

    @property
    def id(self) -> str:
        return f"directory {self.path}"


@dataclass(frozen=True, slots=True)
class File:
    """A file with this content. A `secret` one is never shown, not even as a diff."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: str = "root:root"
    secret: bool = False

    @property
    def id(self) -> str:
        return f"file {self.path}"

    @property
    def digest(self) -> str:
        return sha256(self.content).hexdigest()

    def __repr__(self) -> str:
        return f"File({self.path!r}, {len(self.content)} bytes, {self.mode:04o})"


@dataclass(frozen=True, slots=True)
class Download:
    """A file fetched by the node and checked against `sha256` (hex) while it arrives.

    Without `members` the file itself is put at `path`. With them it is a gzipped tar: each pair is the member's
    name and its destination, and `path` only names the step. A `sent` one no node can fetch: `url` says where the
    operator has it from.
    """

    path: str
    url: str
    sha256: str
    mode: int = 0o755
    members: tuple[tuple[str, str], ...] = ()
    sent: bool = False

    @property
    def id(self) -> str:
        return f"download {self.path}"

    @property
    def destinations(self) -> tuple[str, ...]:
        return tuple(target for _, target in self.members) or (self.path,)

    @property
    def digest(self) -> str:
        return self.sha256


@dataclass(frozen=True, slots=True)
class Archive:
    """An image archive that the operator sends: where it has it from, its SHA-256 (hex), the image's name in it."""

    source: str
    sha256: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStore:
    """Where a node's images are kept, and the runtime's commands for it: each one simple command of sh.

    `ready`: a test, whether the runtime can be asked. `list` prints one name per line, and fails where the runtime
    does not answer soon. `pull` gets a name as "$1"; `load` an archive's path; `tag` a name and one more for the same
    image; `remove` a name; `pin` a name that is never to be removed to make room.
    """

    ready: str
    list: str
    pull: str
    load: str
    tag: str
    remove: str
    pin: str


@dataclass(frozen=True, slots=True)
class Image:
    """A container image in the node's store: pulled through the runtime's configured mirrors, or from an archive.

    All images of a node are in the same `store`. `mirror` is shown to people. What comes from an archive is pinned:
    the node could not get it back.
    """

    ref: str
    store: ImageStore = field(repr=False)
    mirror: str = ""
    archive: Archive | None = None

    @property
    def id(self) -> str:
        return f"image {self.ref}"


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit that is enabled and active, and was started after its inputs got their present content.

    `inputs` are paths of files and downloads of the same plan and node: when one changes, the unit restarts.
    `undo` is sh code that runs after the unit was stopped, when its start is undone; it may call what is in remove.sh.
    """

    name: str
    inputs: tuple[str, ...] = ()
    undo: str = ""

    @property
    def id(self) -> str:
        return f"unit {self.name}"


@dataclass(frozen=True, slots=True)
class Script:
    """sh code that brings about what `check` (sh code, exit 0 when there is nothing to do) tests.

    Without a `check` it is done once. `undo` (see Unit) is kept on the node when the script first runs. `inputs` are
    paths of files of the same plan and node: when one changes, the script runs again. `files` (name, content) exist
    only while it runs, 0600 in the folder $FILES: the way for what a script needs and the node must not keep.
    `removes`: paths that a script which takes something away removes, for whoever cannot run its check. `patience`:
    seconds for which code that fails is run again, where what it talks to may just be restarting.
    """

    name: str
    check: str
    run: str
    undo: str = ""
    inputs: tuple[str, ...] = ()
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    removes: tuple[str, ...] = ()
    patience: int = 0

    @property
    def id(self) -> str:
        return f"script {self.name}"


@dataclass(frozen=True, slots=True)
class Wait:
    """A condition to wait for: `check` exits 0 when it holds. `diagnose` prints evidence after a time-out.

    `timeout` and `interval` are seconds. `hopeless` is sh code that exits 0 and says why in a line where the condition
    will not hold however long one waits: asked every few seconds, and the wait ends as after a time-out. In the
    file $NOTES, empty when the wait begins, it may keep what it saw.
    """

    name: str
    check: str
    timeout: float
    diagnose: str = ""
    interval: float = 0.2
    hopeless: str = ""

    @property
    def id(self) -> str:
        return f"wait {self.name}"


Step = Directory | File | Download | Image | Unit | Script | Wait


class Scope(StrEnum):
    """Whom a phase waits for."""

    NODE = "node"  # the other phase is done on the same node
    ALL = "all"  # it is done, successfully, on every node that has it
    SETTLED = "settled"  # it has ended on every node, well or not; on the same node well


@dataclass(frozen=True, slots=True)
class After:
    phase: str
    scope: Scope = Scope.NODE


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a phase's nodes, 1 to 100 percent."""

    percent: int

    def __post_init__(self) -> None:
        if not 1 <= self.percent <= 100:
            raise ValueError(f"{self.percent} % is not a share")


@dataclass(frozen=True, slots=True)
class Phase:
    """`steps`: node name → what the phase does there; nodes without an entry have nothing to do in it.

    `batch`: how many nodes work at once. Without it all do; a number or a share makes batches in the order of `steps`,
    and a batch begins once every node of those before has ended well.
    """

    name: str
    steps: Mapping[str, tuple[Step, ...]]
    after: tuple[After, ...] = ()
    batch: int | Share | None = None

    def __post_init__(self) -> None:
        if isinstance(self.batch, int) and self.batch < 1:
            raise ValueError(f"a batch of {self.batch} nodes is not one")

    def batches(self) -> tuple[tuple[str, ...], ...]:
        """The nodes in groups, each of which waits for those before. A share is rounded down, to one node at least."""
        nodes = tuple(self.steps)
        match self.batch:
            case None:
                size = len(nodes)
            case Share(percent):
                size = max(1, len(nodes) * percent // 100)
            case number:
                size = number
        return tuple(nodes[at : at + size] for at in range(0, len(nodes), size or 1))

    def earlier_batches(self, node: str) -> tuple[str, ...]:
        """The nodes for which `node` waits in this phase."""
        earlier: list[str] = []
        for batch in self.batches():
            if node in batch:
                break
            earlier += batch
        return tuple(earlier)


@dataclass(frozen=True, slots=True)
class Plan:
    """Phases in the order of their display; a phase only waits for earlier ones."""

    phases: tuple[Phase, ...]
    nodes: Mapping[str, str] = field(default_factory=dict)
    """Node name → role, in the order of their display."""

    def of(self, node: str) -> Iterator[tuple[str, Step]]:
        """(phase name, step) pairs of one node, in order."""
        for phase in self.phases:
            for step in phase.steps.get(node, ()):
                yield phase.name, step

    def total(self) -> int:
        return sum(len(steps) for phase in self.phases for steps in phase.steps.values())


def input_digest(inputs: Iterable[str], steps: Iterable[Step]) -> str:
    """One digest (hex) over the contents that `inputs` name; KeyError for a path that no step provides."""
    paths = tuple(inputs)
    digests: dict[str, str] = {}
    for step in steps if paths else ():
        if isinstance(step, File) and step.path in paths:
            digests[step.path] = f"{step.digest} {step.mode:o} {step.owner}"
        elif isinstance(step, Download):
            digests.update(dict.fromkeys((step.path, *step.destinations), step.digest))
    return sha256("\n".join(f"{path} {digests[path]}" for path in paths).encode()).hexdigest()
