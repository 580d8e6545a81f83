"""docs/answers.md: every key of an answers file, from the types that the parser reads it by."""

from __future__ import annotations

import json

from kinstall.answers.fields import KeyDoc, describe_keys

_HEAD = """\
<!-- made from kinstall/cluster/ by `make docs`: do not edit -->

# The answers file

Every key that kinstall reads. `[]` stands for each element of a list, `NAME` for a key of your own choice. A key that
is left out has its default; `kinstall plan --show-defaults` prints an answers file with all of them, `kinstall schema`
the same as a JSON Schema, and `kinstall example` prints a file to start from. "Since" is the first version of
kinstall that reads the key; "guide" are rows of [what the custom-cluster guide asks for](coverage.md).
"""
_COLUMNS = "| key | type | default | since | guide | |\n|---|---|---|---|---|---|\n"


def page() -> str:
    """The page's whole text. Each top-level key that has keys below it is a chapter, the plain ones are the first."""
    chapters: dict[str, str] = {}
    for key in describe_keys():
        chapter = _chapter(key)
        chapters[chapter] = chapters.get(chapter, _COLUMNS) + _line(key)
    return _HEAD + "".join(f"\n## {chapter}\n\n{table}" for chapter, table in chapters.items())


def _chapter(key: KeyDoc) -> str:
    top = key.path.partition(".")[0].removesuffix("[]")
    return top if top != key.path or key.type in ("a mapping", "a list of mappings") else "The cluster"


def _line(key: KeyDoc) -> str:
    rows = ", ".join(map(str, key.guide))
    cells = (f"`{key.path}`", key.type, _default(key), key.since, rows, _meaning(key))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(key: KeyDoc) -> str:
    if key.required:
        return "must be given"
    if key.default is None:
        return ""
    if key.default in ("", (), {}):
        return "empty"
    return f"`{json.dumps(key.default, ensure_ascii=False)}`"


def _meaning(key: KeyDoc) -> str:
    lines = "".join(f"<br>`{choice}`: {line}" for choice, line in key.lines.items())
    choices = lines or " " + ", ".join(f"`{choice}`" for choice in key.choices)
    only = f"<br>only with `{key.when.key}`: {', '.join(map('`{}`'.format, key.when.values))}" if key.when else ""
    return f"{key.help}{f':{choices}' if key.choices else ''}{only}"
