"""YAML text → plain data with the line of every value. PyYAML does the parsing; what it would guess at is not guessed.

Only what every YAML reader reads as the same value becomes a number, a boolean or null. Text without quotes that some
read as something else (`no`, `1e3`, `0644`, `2026-01-01`, `12:30`) becomes `Unclear`, a problem wherever it is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kinstall.answers.fields import Path, written
from kinstall.findings import Problem

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_VALUES = 50_000
_MAX_PLACES = 16 << 20
"""Characters of all written paths together: long keys with many values below them would fill the memory."""

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?")
_CONSTANTS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class Unclear:
    """Text without quotes that some YAML readers read as text and others as something else."""

    text: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """In place of a value whose tag read() hides, an encrypted one for example."""


@dataclass(slots=True)
class Document:
    """What a YAML text says. `lines`: written path → 1-based line; `texts`: written path → a scalar's own text."""

    data: Any = None
    lines: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class Unreadable(Exception):
    """The text cannot be read as YAML; `problem` says why."""

    def __init__(self, message: str, remedy: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.problem = Problem("", message, remedy, line)


class _Loader(yaml.SafeLoader):
    """Composes nodes only, within bounds, so that a hostile file ends at once."""

    depth = 0
    count = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
        self.count += 1
        if self.count > MAX_VALUES:
            raise Unreadable(f"more than {MAX_VALUES} values", "an answers file has a few hundred lines", line)
        if self.depth >= MAX_DEPTH:
            raise Unreadable(f"nested more than {MAX_DEPTH} levels deep", "an answers file needs only a few", line)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


# What YAML 1.2 reads as numbers and PyYAML, which follows 1.1, as text.
_Loader.add_implicit_resolver(
    f"{_TAG}float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"), list("-+.0123456789")
)
_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"0o[0-7]+$"), ["0"])


def read(text: str, *, hide: frozenset[str] = frozenset(), merge_keys: bool = False) -> Document:
    """The only document of a YAML text. Values with one of the tags `hide` (`!vault`) become Hidden.

    With `merge_keys`, `<<: *anchor` puts the anchor's keys in, below the mapping's own; without, it is a problem.

    Raises:
        Unreadable: not YAML, not one document, or beyond the bounds. What is wrong with single values is in the
            document's `problems` instead, and the rest of it is read.
    """
    if len(text) > MAX_BYTES:
        raise Unreadable("larger than 1 MiB", "an answers file has a few hundred lines")
    _refuse_tabs(text)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_node() if loader.check_node() else None
            if node is not None and loader.check_node():
                line = loader.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
                raise Unreadable("a second document begins here", "keep one cluster per file, and no second ---", line)
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable("a character that YAML does not allow", "remove it, or type it again", line) from None
    except yaml.MarkedYAMLError as error:
        raise _explained(error) from None
    except RecursionError:
        raise Unreadable("nested too deep", "an answers file needs only a few levels") from None
    document = Document()
    if node is not None:
        document.data = _Reader(document, hide, merge_keys).value(node, ())
    return document


def _refuse_tabs(text: str) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent and len(indent) < len(line):
            raise Unreadable("a tab in the indentation", "indent with spaces", number)


def _explained(error: yaml.MarkedYAMLError) -> Unreadable:
    """PyYAML's error in the operator's words. Nothing of the text is repeated: it may be half a password."""
    problem = error.problem or "not valid YAML"
    marks = (error.context_mark, error.problem_mark)
    start, end = (mark.line + 1 if mark else 0 for mark in marks)
    if "quoted scalar" in (error.context or "") and "end of stream" in problem:
        return Unreadable("a quote that is never closed", "close it", start)
    if "could not find expected ':'" in problem:
        return Unreadable("a line that is not `key: value`", "write a colon and a space between them", start or end)
    if "mapping values are not allowed" in problem:
        return Unreadable(
            "a colon in the wrong place", "check the indentation; a value that contains `: ` needs quotes", end
        )
    if "<block end>" in problem:
        return Unreadable("the indentation does not match the lines above", "align the lines of one mapping", end)
    if "undefined alias" in problem:
        return Unreadable(
            "an alias (*name) without an anchor (&name) before it",
            "a value that begins with * needs quotes", end or start,
        )  # fmt: skip
    if "duplicate anchor" in problem:
        return Unreadable("an anchor (&name) that is already defined", "define each anchor once", end or start)
    if "cannot start any token" in problem:
        return Unreadable("a value that begins with a character YAML reserves", "put the value in quotes", end)
    return Unreadable(f"not valid YAML: {_QUOTED.sub(_short, problem)}", line=end or start)


def _short(quoted: re.Match[str]) -> str:
    """Single characters are punctuation; whatever is longer is the operator's text."""
    return quoted[0] if len(quoted[0]) <= 3 else "…"


class _Reader:
    """Turns nodes into data and fills the document's `lines`, `texts` and `problems`."""

    def __init__(self, document: Document, hide: frozenset[str], merge_keys: bool) -> None:
        self._document = document
        self._hide = hide
        self._merge_keys = merge_keys
        self._count = 0
        self._places = 0

    def value(self, node: Node, path: Path) -> Any:
        self._count += 1
        line = node.start_mark.line + 1
        # Composing did not expand aliases; a bomb goes off here, and a node inside itself never ends.
        if self._count > MAX_VALUES or len(path) > MAX_DEPTH:
            raise Unreadable("aliases that expand to too many values", "write the values out", line)
        place = written(path)
        self._places += len(place)
        if self._places > _MAX_PLACES:
            raise Unreadable("keys that are far too long for the values below them", "shorten them", line)
        self._document.lines.setdefault(place, line)
        if node.tag in self._hide:
            return Hidden()
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path)
        raise Unreadable("a YAML tag (!…)", "write the value without one", line)

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        self._document.texts[written(path)] = text
        if kind == "null":
            return None
        if kind == "bool" and text in _CONSTANTS:
            return _CONSTANTS[text]
        if kind == "int" and _INTEGER.fullmatch(text):
            return int(text)
        if kind == "float" and _DECIMAL.fullmatch(text) and isfinite(float(text)):
            return float(text)
        if node.tag.startswith(_TAG) and kind in {"bool", "int", "float", "timestamp", "value", "merge"}:
            return Unclear(text)
        raise Unreadable("a YAML tag (!…)", "a value that begins with ! needs quotes", node.start_mark.line + 1)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._problem(path, line, "a list or mapping as a key", "write the key as text")
                continue
            key: str = key_node.value
            here = (*path, key)
            if key_node.tag == f"{_TAG}merge" and self._merge_keys:
                values = self.value(value_node, here)
                for each in values if isinstance(values, list) else [values]:
                    merged = {**each, **merged} if isinstance(each, dict) else merged
                continue
            if key_node.tag == f"{_TAG}merge":
                self._problem(path, line, "a merge key (<<)", "write the fields out, or use a plain alias")
                continue
            if key in found:
                first = self._document.lines[written(here)]
                self._problem(here, line, f"is listed twice, first in line {first}", "keep one of them")
                continue
            if key_node.tag != f"{_TAG}str":
                self._problem(
                    here, line, f"{key} without quotes is not text to every YAML reader", "write it in quotes"
                )
            self._document.lines[written(here)] = line
            found[key] = self.value(value_node, here)
        return {**merged, **found}

    def _problem(self, path: Path, line: int, message: str, remedy: str) -> None:
        self._document.problems.append(Problem(written(path), message, remedy, line))
