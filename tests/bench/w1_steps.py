"""W1, the small tasks: per node 40 files of 1 to 4 KiB and 20 short commands, each with a check. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.engine.steps import File, Phase, Plan, Script

FILES = 40
COMMANDS = 20
STEPS = FILES + COMMANDS


@dataclass(frozen=True, slots=True)
class Task:
    """A file to be there (`content`), or a command that writes `path`, with the check whether that is needed."""

    path: str
    content: bytes = b""
    mode: int = 0o644
    command: str = ""
    check: str = ""


def tasks() -> tuple[Task, ...]:
    """The 60 tasks, the same on every node."""
    files = (
        Task(f"/srv/file{n:02}.conf", _content(n, 1024 + n * 3072 // (FILES - 1)), (0o644, 0o600)[n % 2])
        for n in range(FILES)
    )
    done = (f"/srv/command{number:02}.done" for number in range(COMMANDS))
    commands = (Task(path, command=f"uname -r >{path}", check=f'grep -qxF "$(uname -r)" {path}') for path in done)
    return (*files, *commands)


def _content(number: int, size: int) -> bytes:
    lines = b"".join(b"setting-%02d-%03d = some value of it\n" % (number, line) for line in range(200))
    return lines[: size - 1] + b"\n"


def plan(nodes: tuple[str, ...]) -> Plan:
    """The same as a plan for kinstall's engine, in one phase."""
    steps = tuple(
        Script(task.path, check=task.check, run=task.command)
        if task.command
        else File(task.path, task.content, task.mode)
        for task in tasks()
    )
    return Plan((Phase("tasks", dict.fromkeys(nodes, steps)),), dict.fromkeys(nodes, "node"))
