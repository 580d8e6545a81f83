"""The answers and their problems as lines to review, each leading to its field. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from screens.draft.draft import Draft
from screens.fields.placement import Placed, placed
from screens.fields.values import Kind, kind_of, shown
from screens.step.order import STEPS

_LABEL = 24


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the page. `target` is what Enter does: `go:PATH`, `node:NAME`, `change:NUMBER`, empty for nothing."""

    text: str
    target: str = ""
    heading: bool = False


def answers(draft: Draft) -> list[Line]:
    """The answers step by step; folded fields are listed only if they are set."""
    lines: list[Line] = []
    for step in STEPS:
        fields = [field for field in placed() if field.screen == step.name]
        if not fields and step.name != "nodes":
            continue
        lines.append(Line(step.title, heading=True))
        listed = [field for field in fields if draft.has(field.path) or (not field.group and field.key.plain_default)]
        lines += [_field(draft, field) for field in listed]
        if step.name == "nodes":
            lines += _nodes(draft)
        if len(fields) > len(listed):
            lines.append(Line("   everything else: default", "all:"))
    return lines


def _field(draft: Draft, field: Placed) -> Line:
    value = draft.as_written(field.path, None)
    given = draft.has(field.path)
    text = shown(field.key, value if given else field.key.plain_default)
    text = {"true": "yes", "false": "no"}.get(text, text) if kind_of(field.key) is Kind.SWITCH else text
    text = " · ".join(text.split("\n")) or "–"
    return Line(f"   {field.label:<{_LABEL}} {text}", f"go:{field.written}")


def _nodes(draft: Draft) -> Iterator[Line]:
    nodes = draft.get(("nodes",), [])
    for index, node in enumerate(nodes if isinstance(nodes, list) else []):
        if not isinstance(node, dict):
            yield Line(f"   {node}", f"go:nodes[{index}]")
            continue
        more = [f"{key} {_short(value)}" for key, value in node.items() if key not in ("name", "address", "role")]
        text = (
            f"{node.get('name', '?'):<16} {node.get('role', '?'):<14} {node.get('address', '?'):<16} {', '.join(more)}"
        )
        yield Line(f"   {text}".rstrip(), f"go:nodes[{index}]")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={inner}" for key, inner in value.items())
    return ", ".join(map(_short, value)) if isinstance(value, list) else str(value)


def problems(draft: Draft) -> list[Line]:
    """All problems, in the order of the answers."""
    return [
        Line(
            f" ✗ {problem.path or 'the file'}: {problem.message}" + (f"; {problem.remedy}" if problem.remedy else ""),
            f"go:{problem.path}",
        )
        for problem in draft.problems
    ]
