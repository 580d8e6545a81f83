"""Answers without what must not reach a file: a secret that was typed where only a reference belongs. Pure."""

from __future__ import annotations

import re
from typing import Any

from kinstall.answers.fields import Key, Path, element, is_list, is_map, is_record, keys_of, written
from kinstall.answers.rules import formats
from kinstall.cluster import ClusterSpec

_MISSING = object()


def fails(key: Key, value: Any) -> bool:
    """Whether the value of a secret field is more than a reference to a secret, or than a path of a key."""
    if value is None or value == "":
        return False
    if isinstance(value, list):
        return key.reference or any(fails(key, each) for each in value)
    if not isinstance(value, str):
        return True
    check = formats.secret_reference if key.reference else formats.key_file
    return check(value) is not None


def without_secrets(data: Any) -> tuple[Any, tuple[str, ...]]:
    """(the answers with no secret in them, the written paths of what was left out).

    What was typed as text where a mapping belongs goes as a whole if that mapping may hold a secret: half a line of it
    may be one.
    """
    out: list[str] = []
    found = _without(data, ClusterSpec, (), out)
    return ({} if found is _MISSING else found), tuple(out)


def _without(value: Any, of: Any, path: Path, out: list[str]) -> Any:
    if is_record(of) and isinstance(value, dict):
        keys = {key.name: key for key in keys_of(of)}
        kept = {}
        for name, inner in value.items():
            here, key = (*path, name), keys.get(name)
            if key is None or (key.text and not key.secret and isinstance(inner, str)):
                kept[name] = inner
            elif key.secret and fails(key, inner):
                out.append(written(here))
            elif (rest := _without(inner, key.type, here, out)) is not _MISSING:
                kept[name] = rest
        return kept
    if (is_list(of) and isinstance(value, list)) or (is_map(of) and isinstance(value, dict)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        rest = [(name, _without(inner, element(of), (*path, name), out)) for name, inner in pairs]
        rest = [(name, inner) for name, inner in rest if inner is not _MISSING]
        return dict(rest) if isinstance(value, dict) else [inner for _, inner in rest]
    if _may_hold_secrets(of) and value not in (None, ""):
        out.append(written(path))
        return _MISSING
    return value


def _may_hold_secrets(of: Any) -> bool:
    """Whether a secret may be somewhere in a value of this type."""
    if is_record(of):
        return any(key.secret or _may_hold_secrets(key.type) for key in keys_of(of))
    return (is_list(of) or is_map(of)) and _may_hold_secrets(element(of))


def _secret_keys(of: Any) -> dict[str, Key]:
    found: dict[str, Key] = {}
    for key in keys_of(of) if is_record(of) else ():
        inner = key.type if is_record(key.type) else element(key.type)
        found |= {key.name: key} if key.secret else _secret_keys(inner)
    return found


def text_without_secrets(text: str) -> str:
    """A text that is no YAML yet, without the values of secret fields; empty where a key's own text is in it."""
    if "PRIVATE KEY" in text:
        return ""
    kept: list[str] = []
    below = -1
    """Indentation of a secret's key whose value was left out: lines further in belong to it."""
    for line in text.splitlines(keepends=True):
        indent = len(line) - len(line.lstrip())
        if below >= 0 and (indent > below or not line.strip()):
            continue
        rest, found = _line_without_secrets(line)
        below = indent if found else -1
        kept.append(rest)
    return "".join(kept)


def _line_without_secrets(line: str) -> tuple[str, bool]:
    """(the line, whether the value of a secret field was left out of it or may begin on the next one)."""
    found = False
    for name, key in _secret_keys(ClusterSpec).items():
        for match in reversed([*re.finditer(rf"[\"']?\b{name}[\"']?[ \t]*:(?P<value>[^\n,}}]*)", line)]):
            plain = match["value"].partition(" #")[0].strip().strip("\"'")
            if not plain or fails(key, plain) or plain[0] in "|>&*!":
                line, found = line[: match.start("value")] + line[match.end("value") :], True
    return line, found
