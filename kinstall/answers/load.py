"""answers.yaml ⇄ ClusterSpec. Everything that is wrong with a file is reported at once, with its line and a remedy."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from assets.yaml_writer import Dumper
from kinstall import files
from kinstall.answers import document, rules
from kinstall.answers.document import Document
from kinstall.answers.fields import enclosing, plain
from kinstall.answers.structure import structure
from kinstall.cluster import ClusterSpec
from kinstall.errors import InvalidAnswers
from kinstall.findings import Problem

_START = "kinstall example > FILE writes one to start from"


PATIENCE = 60
"""Seconds in which a program that writes answers has to end: it may ask for a passphrase."""

MOST_PROBLEMS = 200
"""Of one file: nobody reads more at once."""


_TO_REACH_NODES = re.compile(
    r"(?!nodes\[[0-9]+\]\.(components|labels|taints)\b)((apiVersion|clusterName|ssh|nodes)\b|$)"
)


def load(path: str | Path, *, to_remove: bool = False) -> ClusterSpec:
    """The spec of an answers file, of a pipe (a shell's `<(…)`), or of the standard input (`-`).

    With `to_remove` only what it takes to reach the nodes has to be right. A cluster can be removed with the answers
    that it was installed with, also where a later kinstall refuses them. The rest of such a spec is of no use.

    Raises:
        InvalidAnswers: there is no such file, it cannot be read, or parse() refuses it.
    """
    return parse(text_of(path, patience=PATIENCE), _named(path), to_remove=to_remove)


def text_of(path: str | Path, *, patience: float = 0) -> str:
    """The text of an answers file. With `patience` (seconds) it may be a pipe, or `-` for the standard input: whoever
    writes the file back needs a file.

    Raises:
        InvalidAnswers: there is no such file, or it cannot be read
    """
    source = _named(path)
    try:
        content = files.read(path, document.MAX_BYTES, patience=patience)
    except FileNotFoundError:
        raise _refused(source, "there is no such file", _START) from None
    except IsADirectoryError:
        raise _refused(source, "this is a directory", "name the answers file in it") from None
    except PermissionError:
        raise _refused(source, "you may not read this file", "look at its owner and mode") from None
    except files.TooLarge:
        raise _refused(source, "larger than 1 MiB", "an answers file has a few hundred lines") from None
    except OSError as error:
        raise _refused(source, f"the file cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(source, "not UTF-8 text", "store the file as UTF-8", line) from None


def parse(text: str, source: str = "answers.yaml", *, to_remove: bool = False) -> ClusterSpec:
    """The spec that a text describes; `source` names it in messages; `to_remove` as for load().

    Raises:
        InvalidAnswers: with every problem, in the order of the file.
    """
    examined = examine(read(text, source))
    problems = [each for each in examined.problems if not to_remove or _TO_REACH_NODES.match(each.path)]
    if problems:
        more = len(problems) - MOST_PROBLEMS
        rest = [Problem("", f"… and {more} problems more", "fix these first")] if more > 0 else []
        raise InvalidAnswers(source, [*problems[:MOST_PROBLEMS], *rest])
    return examined.spec


def read(text: str, source: str = "answers.yaml") -> Document:
    """The text as plain data with its lines, without any judgement of its content.

    Raises:
        InvalidAnswers: it is not YAML, or not a mapping
    """
    try:
        parsed = document.read(text)
    except document.Unreadable as error:
        raise InvalidAnswers(source, [error.problem]) from None
    if parsed.data is None and not parsed.problems:
        raise _refused(source, "the file is empty", _START, 1)
    if not isinstance(parsed.data, dict):
        raise _refused(source, "an answers file is a mapping of `key: value` lines", _START, parsed.lines[""])
    return parsed


@dataclass(frozen=True, slots=True)
class Examined:
    """What a document describes. `problems` in the order of the file; `spec` holds placeholders at the places that
    `broken` names (written paths)."""

    spec: ClusterSpec
    problems: tuple[Problem, ...]
    broken: frozenset[str]


def examine(parsed: Document) -> Examined:
    """The spec of a document that holds a mapping, and everything that is wrong with it."""
    structured = structure(parsed)
    checked = rules.check(structured.spec, structured.broken)
    problems = [*parsed.problems, *structured.problems, *checked]
    located = dict.fromkeys(_located(problem, parsed.lines) for problem in problems)
    return Examined(structured.spec, tuple(sorted(located, key=lambda problem: problem.line)), structured.broken)


def dump(spec: ClusterSpec, *, show_defaults: bool = False) -> str:
    """The spec as an answers file: what differs from the defaults, or every key. parse() gives the same spec again."""
    return as_text(plain(spec, show_defaults=show_defaults))


def as_text(data: Any) -> str:
    """Plain data as YAML that read() reads as the same data, also where it is Unclear."""
    return yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=120,
    )


class _Dumper(Dumper):
    """With the quotes that people write in answers files."""

    quote = '"'


def _unclear(dumper: yaml.SafeDumper, value: document.Unclear) -> yaml.ScalarNode:
    """As it was written: without quotes and without a tag."""
    tag = dumper.resolve(yaml.ScalarNode, value.text, (True, False))  # type: ignore[no-untyped-call]
    return yaml.ScalarNode(tag, value.text)


_Dumper.add_representer(document.Unclear, _unclear)


def _located(problem: Problem, lines: dict[str, int]) -> Problem:
    """The problem with its line, or that of what encloses it."""
    if problem.line:
        return problem
    path = problem.path
    while path and path not in lines:
        path = enclosing(path)
    return replace(problem, line=lines.get(path, 1))


def _named(path: str | Path) -> str:
    return "standard input" if str(path) == "-" else str(path)


def _refused(source: str, message: str, remedy: str = "", line: int = 0) -> InvalidAnswers:
    return InvalidAnswers(source, [Problem("", message, remedy, line)])
