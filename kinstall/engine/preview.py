"""What a run would do, as data for people: per node and step an action and, for files, a diff. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff

from kinstall.engine.diff import Action, Pending
from kinstall.engine.steps import Download, File, Image, Step

MAX_DIFF_LINES = 400


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One step that would be carried out. `detail`: what is different on the node; `diff`: unified, without a secret.

    `step` is the step's id (`file /etc/hosts`). `source`: where a download or an image comes from.
    """

    node: str
    phase: str
    step: str
    action: Action
    detail: str = ""
    diff: str = ""
    secret: bool = False
    source: str = ""


def planned_changes(
    node: str, todo: Mapping[str, Sequence[Pending]], contents: Mapping[str, bytes]
) -> tuple[PlannedChange, ...]:
    """What would be done on a node: `todo` is phase → pending steps, `contents` path → what the file holds now.

    `to_read` says which contents are needed.
    """
    return tuple(_planned(node, phase, item, contents) for phase, items in todo.items() for item in items)


def to_read(todo: Mapping[str, Sequence[Pending]]) -> tuple[str, ...]:
    """Paths of files whose content a diff needs: those that change and are not secret, before or after."""
    changes = (item for items in todo.values() for item in items if item.action is Action.CHANGE)
    files = [item.step for item in changes if not item.closed]
    return tuple(step.path for step in files if isinstance(step, File) and not step.secret)


def _planned(node: str, phase: str, item: Pending, contents: Mapping[str, bytes]) -> PlannedChange:
    step, diff = item.step, ""
    secret = isinstance(step, File) and (step.secret or item.closed)
    if isinstance(step, File) and not secret and step.path in contents:
        diff = file_diff(step.path, contents[step.path], step.content)
    return PlannedChange(node, phase, step.id, item.action, item.detail, diff, secret, _source(step))


def _source(step: Step) -> str:
    match step:
        case Download():
            return step.url
        case Image():
            return step.archive.source if step.archive else step.mirror
        case _:
            return ""


def file_diff(path: str, before: bytes, after: bytes) -> str:
    """A unified diff without time stamps; a sentence where a file is not text or the diff is too long to read."""
    try:
        old, new = before.decode().splitlines(), after.decode().splitlines()
    except UnicodeDecodeError:
        return f"not text: {len(before)} bytes become {len(after)}" if before != after else ""
    lines = list(unified_diff(old, new, f"{path} on the node", f"{path} as planned", lineterm=""))
    if len(lines) > MAX_DIFF_LINES:
        lines[MAX_DIFF_LINES:] = [f"… {len(lines) - MAX_DIFF_LINES} more lines differ"]
    return "\n".join(lines)
