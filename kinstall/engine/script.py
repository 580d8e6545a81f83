"""Steps → one POSIX sh program, and its output → an observation.

Lines that belong to the protocol start with the ASCII record separator and hold tab-separated fields; every other
line is output of the step that runs. A program needs coreutils, util-linux' flock, tar and systemd on the node.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from posixpath import basename, dirname
from shlex import quote

from kinstall import files
from kinstall.engine import record
from kinstall.engine.diff import STATE, Action, Pending, ancestors, backup_path, mark_name, paths_of
from kinstall.engine.observation import Observation, PathState, UnitState
from kinstall.engine.record import Entry
from kinstall.engine.shell_functions import HEAD, RUN, SEPARATOR, functions
from kinstall.engine.steps import (
    Directory,
    Download,
    File,
    Image,
    ImageStore,
    Script,
    Step,
    Unit,
    Wait,
    input_digest,
)

SENT = f"{STATE}/sent"


def _words(values: Iterable[str]) -> str:
    return " ".join(quote(value) for value in values)


def _head(run: str) -> str:
    return f"{HEAD}RUN={quote(run)}\n"


def stop_program(run: str) -> str:
    """A program that asks the run's program on the node to end at its next step; another run's is left alone."""
    return f"{_head(run)}! owned || printf 'stopped by the operator\\n' >\"$RUNDIR/owner\"\n"


def observe_program(steps: Sequence[Step], run: str = "", take: bool = True) -> str:
    """A program that prints what the node has of `steps`, when no other program of kinstall works there.

    With `run` the node is first taken over for that run; without `take` it must be that run's already.
    """
    store = _image_store(steps)
    folders = [*ancestors(steps), *(step.path for step in steps if isinstance(step, Directory))]
    parts = [_head(run), functions("observe")]
    if run:
        parts.append("take_node take\n" if take else "take_node ''\n")
    else:
        parts.append("look_at_node\n")
    if store:
        parts.append(f"image_list() {{ {store.ready} && {store.list}; }}\n")
    parts.append("observe_tools curl wget openssl\n")
    for function, subjects in (
        ("observe_folders", folders),
        ("observe_paths", [path for path in paths_of(steps) if path not in folders]),
        ("observe_digests", [step.path for step in steps if isinstance(step, File)]),
        ("observe_empty", [step.path for step in steps if isinstance(step, Directory)]),
        ("observe_units", [step.name for step in steps if isinstance(step, Unit)]),
    ):
        if subjects:
            parts.append(f"{function} {_words(subjects)}\n")
    if store:
        parts.append("observe_images\n")
    parts.append("observe_marks\nobserve_record\n")
    for index, step in enumerate(steps):
        if isinstance(step, (Script, Wait)) and step.check:
            parts.append(f"(\n{step.check}\n) </dev/null >/dev/null 2>&1 9>&-; say check {index} $?\n")
    parts.append("say 'done'\n")
    return "".join(parts)


def _image_store(steps: Iterable[Step]) -> ImageStore | None:
    """That of the node's container runtime: all its images say the same."""
    return next((step.store for step in steps if isinstance(step, Image)), None)


def parse_observation(steps: Sequence[Step], lines: Iterable[str]) -> Observation | None:
    """The observation in the program's lines, None when they end early."""
    section = ""
    paths: dict[str, PathState] = {}
    digests: dict[str, str] = {}
    empty: set[str] = set()
    unit_blocks: list[dict[str, str]] = [{}]
    images: set[str] | None = None
    checks: dict[str, bool] = {}
    marks: dict[str, str] = {}
    recorded: list[str] = []
    tools: set[str] = set()
    busy = ""
    complete = False
    for line in lines:
        if line.startswith(SEPARATOR):
            section, *values = line[1:].split("\t")
            match section:
                case "tool":
                    tools.add(values[0])
                case "empty":
                    empty.add(values[0])
                case "check":
                    checks[steps[int(values[0])].id] = values[1] == "0"
                case "images":
                    images = set()
                case "busy":
                    busy = "another program of kinstall"
                case "done":
                    complete = True
            continue
        match section:
            case "paths":
                mode, owner, kind, stamp, path = line.split("|", 4)
                paths[path] = PathState(kind, int(mode, 8), owner, stamp)
            case "digests":
                digest, _, path = line.partition("  ")
                digests[path] = digest.lstrip("\\")
            case "units" if line:
                key, _, value = line.partition("=")
                unit_blocks[-1][key] = value
            case "units":
                unit_blocks.append({})
            case "images" if images is not None:
                images.add(line.strip())
            case "marks":
                name, _, value = line.partition(" ")
                marks[name] = value
            case "record":
                recorded.append(line)
    if not complete:
        return None
    units = [step.name for step in steps if isinstance(step, Unit)]
    states = {name: _unit_state(block) for name, block in zip(units, unit_blocks, strict=False) if block}
    return Observation(
        paths={
            path: PathState(p.kind, p.mode, p.owner, p.stamp, digests.get(path, ""), path in empty)
            for path, p in paths.items()
        },
        units=states,
        images=None if images is None else frozenset(images),
        checks=checks,
        marks=marks,
        record=record.parse(recorded),
        tools=frozenset(tools),
        busy=busy,
    )


def _unit_state(block: dict[str, str]) -> UnitState:
    return UnitState(
        active=block.get("ActiveState") == "active",
        enabled=block.get("UnitFileState") in ("enabled", "static", "alias", "indirect", "generated"),
        exists=block.get("LoadState") not in ("not-found", None),
        needs_reload=block.get("NeedDaemonReload") == "yes",
    )


def apply_program(
    todo: Sequence[Pending],
    providers: Sequence[Step],
    entries: Sequence[Entry],
    stale: Sequence[str],
    run: str,
    needs_reload: bool = False,
    backups: frozenset[str] = frozenset(),
    sent: bool = False,
) -> str:
    """A program that brings `todo` about, in order; its standard input is `payload(todo, …)`, and whether that holds
    files in place of downloads is `sent`.

    It writes `entries` to the record and removes the `stale` marks before it changes anything. `backups`: paths whose
    content from before the first run is kept; a copy that exists already is never replaced.
    """
    files = [(i, p.step) for i, p in enumerate(todo) if isinstance(p.step, File)]
    unpacks = sent or bool(files) or any(isinstance(p.step, Script) and p.step.files for p in todo)
    parts = [_head(run), functions("remove") if files else "", functions("apply")]
    store = _image_store(p.step for p in todo)
    if store:
        parts.append(_image_functions(store))
    if unpacks:
        # In memory, as a script's files may be secret; release files are large, and none.
        parts.append(f'receive "${"STATE" if sent else "RUNDIR"}/payload.$RUN"\n')
    parts.append("take_lock\n")
    if entries:
        lines = "\n".join(entry.line() for entry in entries)
        parts.append(f"record_entries <<'.END.'\n{lines}\n.END.\n")
    if stale:
        parts.append(f"forget_marks {_words(stale)}\n")
    needed = ancestors(p.step for p in todo)
    if needed:
        parts.append(f"make_folders {_words(needed)}\n")
    for index, item in enumerate(todo):
        if isinstance(item.step, Directory):
            step = item.step
            parts.append(f"step_directory {index} {quote(step.path)} {step.mode:o} {quote(step.owner)}\n")
    if unpacks:
        parts.append("unpack_received\n")
        for index, file in files:
            backup = (backup_path(file.path),) if file.path in backups else ()
            parts.append(f"step_file {index} {_words((file.path, *backup))}\n")
    parts.append(_rest(todo, providers, needs_reload, backups))
    parts.append("say 'done'\n")
    return "".join(parts)


def _image_functions(store: ImageStore) -> str:
    return (
        f"image_pull() {{ interruptible {store.pull}; }}\nimage_load() {{ interruptible {store.load}; }}\n"
        f"image_tag() {{ {store.tag}; }}\nimage_remove() {{ {store.remove}; }}\nimage_pin() {{ {store.pin}; }}\n"
    )


def part_path(path: str) -> str:
    """Where a file waits beside its destination; the leading dot hides it from whoever reads the folder."""
    return f"{dirname(path)}/.{basename(path)}.kinstall"


def _rest(todo: Sequence[Pending], providers: Sequence[Step], needs_reload: bool, backups: frozenset[str]) -> str:
    parts: list[str] = []
    units = [p.step.name for p in todo if isinstance(p.step, Unit)]
    if units:
        # Enabling reloads systemd's view of all unit files, once for all of them; a failure shows at the unit's step.
        parts.append(f"systemctl enable -q {_words(units)} 9>&- 2>/dev/null || :\n")
    elif needs_reload or any(_is_unit_file(p.step) for p in todo):
        parts.append("systemctl daemon-reload 9>&-\n")
    running: type[Step] | None = None
    for index, item in enumerate(todo):
        step = item.step
        if running is not None and not isinstance(step, running):
            parts.append("join_background\n")
            running = None
        match step:
            case Download():
                parts.append(_download(index, step, backups))
                running = Download
            case Image():
                parts.append(f"step_begins {index}; start_background {index} {_image(step)} {mark_name(step.id)}\n")
                running = Image
            case Unit():
                parts.append(_unit(index, step, item.action, providers))
            case Script():
                parts.append(_script(index, step, providers))
            case Wait():
                parts.append(_wait(index, step))
            case Directory() | File():
                continue
    if running is not None:
        parts.append("join_background\n")
    return "".join(parts)


def _is_unit_file(step: Step) -> bool:
    return isinstance(step, File) and step.path.startswith("/etc/systemd/system/")


def _download(index: int, step: Download, backups: frozenset[str]) -> str:
    keeps = "".join(
        f"keep_original {_words((path, backup_path(path)))} || step_failed 1\n"
        for path in step.destinations
        if path in backups
    )
    common = f"{_words((step.url, step.sha256))} {mark_name(step.id)} {step.mode:o}"
    if step.members:
        command = f"download_members {common} {_words(word for member in step.members for word in member)}"
    else:
        command = f"download_file {common} {quote(step.path)}"
    return f"step_begins {index}\n{keeps}start_background {index} {command}\n"


def _image(step: Image) -> str:
    if step.archive is None:
        return f"pull_image {quote(step.ref)}"
    return f"import_image {_words((step.archive.sha256, step.archive.name, step.ref))}"


def _unit(index: int, step: Unit, action: Action, providers: Sequence[Step]) -> str:
    start = "" if action is Action.CHANGE else " start"
    digest = input_digest(step.inputs, providers)
    return f"step_unit {index} {quote(step.name)} {mark_name(step.id)} {digest}{start}\n"


def _script(index: int, step: Script, providers: Sequence[Step]) -> str:
    # Not inside a condition: there sh ignores `set -e`.
    once = f"(\nset -e\nFILES=$RUNDIR/files.{index}\n{step.run}\n) </dev/null 9>&- 2>&1\nstatus=$?\n"
    if step.check:
        unchanged = "{ echo 'it ran, and its check still fails'; status=1; }"
        once += f"[ $status != 0 ] || (\n{step.check}\n) </dev/null 9>&- 2>&1 || {unchanged}\n"
    if step.patience:
        again = "! is_late || step_failed $status\nbeat\nsleep 2\n"
        once = f"set_deadline {step.patience}\nwhile :; do\n{once}[ $status != 0 ] || break\n{again}done\n"
    else:
        once += "[ $status = 0 ] || step_failed $status\n"
    digest = input_digest(step.inputs, providers)
    return f"step_begins {index}\n{once}set_mark {mark_name(step.id)} {digest}; step_ended {index} 0\n"


def _wait(index: int, step: Wait) -> str:
    diagnose = f"(\n{step.diagnose}\n) </dev/null 9>&- 2>&1\n" if step.diagnose else ""
    gives_up = f"elif wait_goes_on; then :\nelif (\n{step.hopeless}\n) </dev/null 2>/dev/null 9>&-; then\n"
    begins, hopeless = ("; wait_begins", f"{gives_up}{diagnose}step_failed 1\n") if step.hopeless else ("", "")
    return (
        f"step_begins {index}; set_deadline {int(step.timeout)}{begins}\n"
        f"while ! (\n{step.check}\n) </dev/null >/dev/null 2>&1 9>&-; do\n"
        f"if is_late; then echo 'not so after {int(step.timeout)} s'\n{diagnose}step_failed 1\n{hopeless}fi\n"
        f"beat; sleep {step.interval:g}; done; step_ended {index} 0\n"
    )


def payload(todo: Sequence[Pending], sent: Mapping[str, Path]) -> Iterator[bytes]:
    """The tar of what `todo` needs: files beside their destinations under waiting names, the scripts' own, and what is
    `sent` (digest → local file) to a node that cannot fetch it. Nothing where nothing is needed."""
    begun = False
    for index, item in enumerate(todo):
        if isinstance(item.step, File):
            yield _member(part_path(item.step.path), item.step.content, item.step.mode, item.step.owner)
            begun = True
        elif isinstance(item.step, Script):
            for name, content in item.step.files:
                yield _member(f"{RUN}/files.{index}/{name}", content, 0o600, "root:root")
                begun = True
    for digest, path in sent.items():
        size = path.stat().st_size
        yield _header(f"{SENT}/{digest}", size, 0o600, "root:root")
        with files.opened(path) as file:
            while chunk := file.read(1 << 20):
                yield chunk
        yield _padding(size)
        begun = True
    if begun:
        yield bytes(2 * tarfile.BLOCKSIZE)


def _member(path: str, content: bytes, mode: int, owner: str) -> bytes:
    return _header(path, len(content), mode, owner) + content + _padding(len(content))


def _header(path: str, size: int, mode: int, owner: str) -> bytes:
    info = tarfile.TarInfo(path.lstrip("/"))
    info.size, info.mode = size, mode
    info.uname, _, info.gname = owner.partition(":")
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
