"""Values of the answers as text to type, and back. Pure.

Text that cannot be read as its field's type stays text, as it was typed: the answers' rules then report what is
expected.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import MISSING
from enum import StrEnum
from io import StringIO
from typing import Any

from kinstall.answers import document, load
from kinstall.answers.document import Unclear
from kinstall.answers.fields import Key, element, is_list, is_map

NOTHING = MISSING
"""In place of a value: the field is not set."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_KEY = re.compile(r'\s*("(?:[^"\\]|\\.)*"|(?:[^:]|:(?=\S))*?)\s*:(?:\s+(.*?)|)\s*')


class Kind(StrEnum):
    """How a field is asked for."""

    CHOICE = "one of a few"
    SWITCH = "yes or no"
    NUMBER = "a number"
    TEXT = "text"
    LIST = "texts on one line, with commas"
    PAIRS = "lines of `key: value`"
    YAML = "lines of YAML"


def kind_of(key: Key) -> Kind:
    """How the field is asked for, by its type."""
    if key.choices:
        return Kind.CHOICE
    if is_list(key.type) and element(key.type) is str:
        return Kind.LIST
    if is_map(key.type) and element(key.type) is str:
        return Kind.PAIRS
    if key.text:
        return Kind.TEXT
    return {bool: Kind.SWITCH, int: Kind.NUMBER, str: Kind.TEXT}.get(key.type, Kind.YAML)


def shown(key: Key, value: Any) -> str:
    """The value as text to edit; empty for None and for what means an unset field."""
    if value is None:
        return ""
    kind = kind_of(key)
    if kind is Kind.LIST and key.text and isinstance(value, str):
        value = [value] if value else []
    if kind is Kind.LIST and isinstance(value, list):
        return _joined([_scalar(each) for each in value])
    if kind is Kind.PAIRS and isinstance(value, dict) and not any(map(_nested, value.values())):
        return "\n".join(f"{_quoted(name, ':')}: {_quoted(_scalar(each))}".rstrip() for name, each in value.items())
    if kind in (Kind.PAIRS, Kind.YAML) and isinstance(value, (dict, list)):
        return "" if value == {} else load.as_text(value).rstrip("\n")
    return _scalar(value)


def meant(key: Key, text: str) -> Any:
    """The value that the text means, or NOTHING. What cannot be read as the field's type is the text itself."""
    kind = kind_of(key)
    if not text.strip():
        return "" if key.required and kind is Kind.TEXT else NOTHING
    if kind is Kind.NUMBER:
        return int(text) if _INTEGER.fullmatch(text.strip()) else text
    if kind is Kind.SWITCH:
        return {"true": True, "false": False}.get(text, text)
    if kind is Kind.LIST:
        parts = _split(text)
        return parts[0] if key.text and len(parts) == 1 else parts
    if key.text and text.lstrip().startswith("["):  # a list on one line, as shown() writes it
        parsed = _yaml(text)
        return text if isinstance(parsed, str) else parsed.data
    if kind is Kind.PAIRS:
        return _pairs(text)
    if kind is Kind.YAML:
        parsed = _yaml(text)
        return text if isinstance(parsed, str) else parsed.data
    return text


def unreadable(key: Key, text: str) -> str:
    """Why a text cannot be read at all, as a sentence; empty where it can (even if the type is wrong)."""
    if not text.strip():
        return ""
    if kind_of(key) is Kind.PAIRS and isinstance(_pairs(text), str):
        return next(
            (f"{line.strip()}: needs a colon after the key" for line in text.splitlines() if not _pair(line)), ""
        )
    if kind_of(key) is Kind.YAML:
        parsed = _yaml(text)
        return parsed if isinstance(parsed, str) else ""
    return ""


def _yaml(text: str) -> document.Document | str:
    """The text as YAML, or why it is not YAML."""
    try:
        parsed = document.read(text)
    except document.Unreadable as error:
        return str(error.problem)
    return str(parsed.problems[0]) if parsed.problems else parsed


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Unclear):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=_scalar, ensure_ascii=False)
    return "" if value is None else str(value)


def _nested(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _joined(texts: list[str]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(texts)
    return re.sub(r",(?=\S)", ", ", line.getvalue()) if not any("," in text for text in texts) else line.getvalue()


def _split(text: str) -> list[str]:
    row = next(csv.reader([" ".join(text.splitlines())], skipinitialspace=True), [])
    return [part for part in map(str.strip, row) if part]


def _quoted(text: str, special: str = "") -> str:
    """The text as it is where a line can hold it, else in JSON's quotes."""
    plain = text == text.strip() and text.isprintable() and not text.startswith('"')
    return (
        text
        if plain and text != "" and not any(each in text for each in special)
        else json.dumps(text)
        if (special or not plain)
        else ""
    )


def _pair(line: str) -> tuple[str, str] | None:
    found = _KEY.fullmatch(line)
    if not found:
        return None
    name, value = (_unquoted(part or "") for part in found.groups())
    return (name, value) if name is not None and value is not None else None


def _unquoted(text: str) -> str | None:
    if not text.startswith('"'):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _pairs(text: str) -> dict[str, str] | str:
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        pair = _pair(line)
        if pair is None or pair[0] in found:
            return text
        found[pair[0]] = pair[1]
    return found
