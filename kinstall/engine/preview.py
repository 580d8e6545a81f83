"""What a run would do, as data for people: per node and step an action and, for files, a diff. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from functools import lru_cache

from kinstall.engine.diff import Action, Pending
from kinstall.engine.steps import Directory, Download, File, Image, Script, Step, Unit, Wait

MAX_DIFF_LINES = 400
MAX_BODY = 64 << 10
"""Characters of a file or script that are shown."""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One step that would be carried out. `detail`: what is different on the node; `diff`: unified, without a secret.

    `step` is the step's id (`file /etc/hosts`). `source`: where a download or an image comes from. `body`: what a
    person reads who opens the step, a file's content or a script; of a secret only size and the begin of its SHA-256.
    """

    node: str
    phase: str
    step: str
    action: Action
    detail: str = ""
    diff: str = ""
    secret: bool = False
    source: str = ""
    body: str = field(default="", repr=False, compare=False)


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
    return PlannedChange(
        node, phase, step.id, item.action, item.detail, diff, secret, _source(step), body(step, secret)
    )


def body(step: Step, secret: bool) -> str:
    """What a step brings to its node, as text to read."""
    match step:
        case File() if secret:
            return f"{_file_head(step)}, sha256 {step.digest[:12]}…\nIts content is a secret, and shown nowhere."
        case File():
            return f"{_file_head(step)}\n\n{_text(step.content)}"
        case Directory():
            return f"{step.mode:04o} {step.owner}"
        case Download():
            inside = "".join(f"\n{member} → {target}" for member, target in step.members)
            return f"{step.mode:04o}\nfrom {step.url}\nsha256 {step.sha256}{inside}"
        case Image():
            archive = f"\nsha256 {step.archive.sha256}" if step.archive else ""
            return f"from {_source(step)}{archive}" if _source(step) else ""
        case Unit():
            return "enabled and started" + "".join(f"\nrestarts when {path} changes" for path in step.inputs)
        case Script():
            held = "".join(f"\n# with the file {name} while it runs" for name, _ in step.files)
            return _cut(f"# the check: 0 means that nothing is to do\n{step.check}\n\n# what is run{held}\n{step.run}")
        case Wait():
            return _cut(f"# until this ends with 0, at most {step.timeout:g} s\n{step.check}")


def _file_head(step: File) -> str:
    return f"{step.mode:04o} {step.owner} · {len(step.content)} bytes"


@lru_cache(maxsize=256)
def _text(content: bytes) -> str:
    """One text for the many nodes that get the same content."""
    try:
        return _cut(content.decode())
    except UnicodeDecodeError:
        return "not text"


def _cut(text: str) -> str:
    rest = len(text) - MAX_BODY
    return text if rest <= 0 else f"{text[:MAX_BODY]}\n… {rest} more characters"


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
