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

from kinstall.engine import record
from kinstall.engine.diff import STATE, Action, Pending, ancestors, backup_path, mark_name, paths_of
from kinstall.engine.observation import Observation, PathState, UnitState
from kinstall.engine.record import Entry
from kinstall.engine.shell_functions import APPLY, HEAD, RUN, SEPARATOR
from kinstall.engine.steps import Directory, Download, File, Image, Script, Step, Unit, Wait, input_digest

SENT = f"{STATE}/sent"


def _words(values: Iterable[str]) -> str:
    return " ".join(quote(value) for value in values)


def _owner(run: str, take: bool) -> str:
    """Whoever wrote `owner` last is obeyed; programs of other runs stop at their next step.

    Without `take` only a node that nobody owns is taken (it was rebooted in the middle of the run).
    """
    first = "" if take else "[ -e $D/owner ] || "
    return f"R={quote(run)}\numask 077\nmkdir -p $D $S\n{first}printf '%s\\n' \"$R\" >$D/owner\numask 022\n"


def stop_program(run: str) -> str:
    """A program that asks the run's program on the node to end at its next step; another run's is left alone."""
    return f"{HEAD}R={quote(run)}\n! own || printf 'stopped by the operator\\n' >$D/owner\n"


def observe_program(steps: Sequence[Step], run: str = "", take: bool = True) -> str:
    """A program that prints what the node has of `steps`, when no other program of kinstall works there.

    With `run` the node is first taken over for that run; without `take` it must be that run's already.
    """
    files = [step.path for step in steps if isinstance(step, File)]
    trees = [step.path for step in steps if isinstance(step, Directory)]
    units = [step.name for step in steps if isinstance(step, Unit)]
    paths = [*ancestors(steps), *paths_of(steps)]
    parts = [HEAD]
    if run:
        parts.append(f"{_owner(run, take)}exec 9>$D/lock\nown || halt\nlock -s\nown || halt\n")
    else:
        parts.append("if [ -e $D/lock ]; then exec 9<$D/lock; flock -s -n 9 || say busy; fi\n")
    parts.append('for t in curl wget openssl; do command -v $t >/dev/null 2>&1 && say "tool\t$t"; done\n')
    if paths:
        parts.append(f"say paths\nstat -c '%a|%U:%G|%F|%s:%Y:%Z|%n' -- {_words(paths)} 2>/dev/null\n")
    if files:
        parts.append(f"say digests\nsha256sum -- {_words(files)} 2>/dev/null\n")
    if trees:
        parts.append(
            f'for d in {_words(trees)}; do set -- "$d"/* "$d"/.[!.]*; e=1\n'
            'for f do [ -e "$f" ] && { e=; break; }; done; [ -z "$e" ] || say "empty\t$d"; done\n'
        )
    if units:
        parts.append(
            "say units\nsystemctl show -p Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload -- "
            f"{_words(units)}\necho\n"
        )
    if any(isinstance(step, Image) for step in steps):
        parts.append(
            "if [ -S /run/containerd/containerd.sock ] && command -v ctr >/dev/null 2>&1; then\n"
            "l=$(timeout 10 ctr --connect-timeout 2s -n k8s.io images ls -q 2>/dev/null) && "
            "{ say images; printf '%s\\n' \"$l\"; }; fi\n"
        )
    parts.append(
        'say marks\nfor f in $S/marks/*; do [ -f "$f" ] || break; IFS= read -r v <"$f"; '
        'printf \'%s %s\\n\' "${f##*/}" "$v"; done\n'
        "say record\n[ ! -f $S/record ] || { cat $S/record; echo; }\n"
    )
    for index, step in enumerate(steps):
        if isinstance(step, (Script, Wait)) and step.check:
            parts.append(f'(\n{step.check}\n) </dev/null >/dev/null 2>&1 9>&-; say "check\t{index}\t$?"\n')
    parts.append("say done\n")
    return "".join(parts)


def parse_observation(steps: Sequence[Step], lines: Iterable[str]) -> Observation | None:
    """The observation that the program's lines tell, None when they end early."""
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
    # In memory, as a script's files may be secret; release files are large, and none.
    stored = "$S/payload.$R" if sent else "$D/payload.$R"
    parts = [HEAD, f"R={quote(run)}\n", APPLY]
    if unpacks:
        # All that comes over the network comes before the lock: a dead link must not leave it held.
        parts.append(
            f"trap 'rm -rf $D/files.* $S/sent {stored}' EXIT\n"
            f"umask 077; cat >{stored} || {{ say 'fatal\tcould not store what was sent'; exit 1; }}; umask 022\n"
        )
    parts += [
        "exec 9>$D/lock\nlock -x\nown || halt\n",
        "umask 077; mkdir -p $S/backup $S/marks || exit 1; umask 022\n",
    ]
    if entries:
        lines = "\n".join(entry.line() for entry in entries)
        # A crash may have cut the last line off: what is added must not be glued to it.
        parts.append('[ -z "$(tail -c 1 $S/record 2>/dev/null)" ] || echo >>$S/record\n')
        parts.append(f"cat >>$S/record <<'.END.' || exit 1\n{lines}\n.END.\nsync $S/record 2>/dev/null || sync\n")
    if stale:
        parts.append(f"cd $S/marks && rm -f -- {_words(stale)}; cd /\n")
    needed = ancestors(p.step for p in todo)
    if needed:
        parts.append(f"mkdir -p -- {_words(needed)} || {{ say 'fatal\tcould not make directories'; exit 1; }}\n")
    for index, item in enumerate(todo):
        if isinstance(item.step, Directory):
            parts.append(_directory(index, item.step))
    if unpacks:
        parts.append("rm -rf $D/files.*\n")
        parts.append(
            f"tar -xpmf {stored} -C / 9>&- || {{ say 'fatal\tcould not unpack files'; exit 1; }}\nrm -f {stored}\n"
        )
        parts.extend(_file(index, step, backups) for index, step in files)
    parts.append(_rest(todo, providers, needs_reload, backups))
    parts.append("say done\n")
    return "".join(parts)


def _directory(index: int, step: Directory) -> str:
    path = quote(step.path)
    return (
        f"b {index}; mkdir -p -- {path} && chmod {step.mode:o} {path} && chown {quote(step.owner)} {path} "
        f"&& e {index} 0 || die 1\n"
    )


def _keep(path: str, backups: frozenset[str]) -> str:
    return f"keep {quote(path)} {quote(backup_path(path))} && " if path in backups else ""


def _file(index: int, step: File, backups: frozenset[str]) -> str:
    path, part = quote(step.path), quote(part_path(step.path))
    return (
        f"b {index}; {_keep(step.path, backups)}{{ [ ! -d {path} ] || rm -rf -- {path}; }} "
        f"&& mv -f -- {part} {path} && e {index} 0 || die 1\n"
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
            parts.append("join\n")
            running = None
        match step:
            case Download():
                parts.append(_download(index, step, backups))
                running = Download
            case Image():
                parts.append(f"b {index}; bg {index} {_image(step)} {mark_name(step.id)}\n")
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
        parts.append("join\n")
    return "".join(parts)


def _is_unit_file(step: Step) -> bool:
    return isinstance(step, File) and step.path.startswith("/etc/systemd/system/")


def _download(index: int, step: Download, backups: frozenset[str]) -> str:
    mark = mark_name(step.id)
    keeps = "".join(_keep(path, backups) for path in step.destinations)
    if not step.members:
        command = f"single {_words([step.url, step.sha256, step.path])} {step.mode:o} {mark}"
        return f"b {index}; {keeps}bg {index} {command}\n"
    archive = quote(part_path(step.destinations[0]) + ".tgz")
    folder = quote(part_path(step.destinations[0]) + ".d")
    moves = " && ".join(
        f"chmod {step.mode:o} {folder}/{quote(name)} && chown 0:0 {folder}/{quote(name)} "
        f"&& mv -f -- {folder}/{quote(name)} {quote(part_path(target))} "
        f"&& mv -f -- {quote(part_path(target))} {quote(target)}"
        for name, target in step.members
    )
    return (
        f"unpack_{index}() {{ get {_words([step.url, step.sha256])} {archive} && rm -rf {folder} && mkdir {folder} "
        f"&& tar -xzf {archive} -C {folder} && {moves} && rm -rf -- {archive} {folder} "
        f'&& mark {mark} "$(stamps {step.sha256} {_words(step.destinations)})"; }}\n'
        f"b {index}; {keeps}bg {index} unpack_{index}\n"
    )


def _image(step: Image) -> str:
    if step.archive is None:
        return f"pull {quote(step.ref)}"
    return f"load {_words([step.archive.sha256, step.archive.name, step.ref])}"


def _unit(index: int, step: Unit, action: Action, providers: Sequence[Step]) -> str:
    name, mark = quote(step.name), mark_name(step.id)
    start = "" if action is Action.CHANGE else f"systemctl restart {name} && systemctl is-active -q {name} && "
    return (
        f"b {index}; {{ {start}systemctl is-enabled -q {name} && mark {mark} "
        f"{input_digest(step.inputs, providers)}; }} 9>&- 2>&1 && e {index} 0 "
        f"|| {{ systemctl --no-pager -l -n 0 status {name}; journalctl -u {name} -n 30 --no-pager -o cat; "
        "die 1; } 2>&1\n"
    )


def _script(index: int, step: Script, providers: Sequence[Step]) -> str:
    # Not inside a condition: there sh ignores `set -e`.
    once = f"(\nset -e\nFILES=$D/files.{index}\n{step.run}\n) </dev/null 9>&- 2>&1\ns=$?\n"
    if step.check:
        told = "{ echo 'it ran, and its check still fails'; s=1; }"
        once += f"[ $s != 0 ] || (\n{step.check}\n) </dev/null 9>&- 2>&1 || {told}\n"
    if step.patience:
        again = "now; [ $up -lt $until ] || die $s\nown || halt; say beat || halt\nsleep 2\n"
        once = f"now; until=$((up+{step.patience}))\nwhile :; do\n{once}[ $s != 0 ] || break\n{again}done\n"
    else:
        once += "[ $s = 0 ] || die $s\n"
    return f"b {index}; {once}mark {mark_name(step.id)} {input_digest(step.inputs, providers)}; e {index} 0\n"


def _wait(index: int, step: Wait) -> str:
    diagnose = f"(\n{step.diagnose}\n) </dev/null 9>&- 2>&1\n" if step.diagnose else ""
    return (
        f"b {index}; now; until=$((up+{int(step.timeout)}))\n"
        f"while ! (\n{step.check}\n) </dev/null >/dev/null 2>&1 9>&-; do now\n"
        f"if [ $up -ge $until ]; then echo 'not so after {int(step.timeout)} s'\n{diagnose}die 1; fi\n"
        "own || halt; say beat || halt\n"
        f"sleep {step.interval:g}; done; e {index} 0\n"
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
        with path.open("rb") as file:
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
