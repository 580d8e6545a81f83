"""A kubeconfig's text with entries added or changed, and every other byte as it was: comments, quotes, order, spelling.

YAML that is read and written again would lose all of these, and Kubernetes' reader would see other types: a context
`"685e28"` without its quotes is a number to it. So what is new is put into the text, at places that the parser reports.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events

Value = Mapping[str, Any]


class NotEditable(ValueError):
    """The text says in a way that cannot be changed in place what has to be changed."""


@dataclass(slots=True)
class _Node:
    """A value in the text. `start` and `end` are offsets of its characters, `end` without blank lines and comments that
    follow. `column`: of its first character. `items`: of a sequence; `pairs`: of a mapping, the key's text first."""

    kind: str
    start: int
    end: int
    column: int = 0
    flow: bool = False
    text: str = ""
    items: list[_Node] = field(default_factory=list)
    pairs: list[tuple[str, _Node]] = field(default_factory=list)

    def get(self, key: str) -> _Node | None:
        return next((value for name, value in self.pairs if name == key), None)


def edited(text: str, changes: Mapping[str, Mapping[str, tuple[str, Value]]], current: str) -> str:
    """The text with `changes`: list (`clusters` …) → name of the entry → (`cluster` …, its content). An entry of that
    name gets this content, otherwise one is added. `current`: the current context, "" to leave it alone.

    Raises:
        NotEditable: an alias, or a form that a kubeconfig does not have, is in the way
    """
    for key, entries in changes.items():
        for name, (inner, content) in entries.items():
            text = _with_entry(text, key, name, inner, content)
    return _with_value(text, "current-context", json.dumps(current, ensure_ascii=False)) if current else text


def _with_entry(text: str, key: str, name: str, inner: str, content: Value) -> str:
    root = _root(text)
    values = root.get(key) if root else None
    if root is None or values is None or values.kind == "scalar":
        if values is not None and values.text not in ("", "null", "~", "Null", "NULL"):
            raise NotEditable(f"{key} is not a list")
        block = f"{key}:\n{_block(name, inner, content, 0)}"
        if root is None or (values is None and not root.flow):
            return _after(text, root.end if root else len(text), block)
        flow = f"[{_flow(name, inner, content)}]"
        return _with_value(text, key, flow)
    if values.kind != "sequence":
        raise NotEditable(f"{key} is not a list")
    entry = next((each for each in values.items if _named(each, name)), None)
    if entry is not None:
        value = entry.get(inner)
        if value is None or value.kind == "alias":
            raise NotEditable(f"the entry {name} in {key} has no {inner} of its own")
        return _replaced(text, value, json.dumps(content, ensure_ascii=False))
    if values.flow:
        separator = ", " if values.items else ""
        return f"{text[: values.end - 1].rstrip()}{separator}{_flow(name, inner, content)}{text[values.end - 1 :]}"
    return _after(text, values.end, _block(name, inner, content, values.column))


def _with_value(text: str, key: str, value: str) -> str:
    """The text with a value of the root's mapping."""
    root = _root(text)
    if root is None:
        return _after(text, len(text), f"{key}: {value}")
    old = root.get(key)
    if old is not None:
        return _replaced(text, old, value)
    if not root.flow:
        return _after(text, root.end, f"{' ' * root.column}{key}: {value}")
    separator = ", " if root.pairs else ""
    return f"{text[: root.end - 1].rstrip()}{separator}{json.dumps(key)}: {value}{text[root.end - 1 :]}"


def _replaced(text: str, node: _Node, value: str) -> str:
    before = text[: node.start]
    return f"{before}{'' if before.endswith((' ', chr(10), '[', '{')) else ' '}{value}{text[node.end :]}"


def _after(text: str, offset: int, block: str) -> str:
    """The text with `block` in lines of its own behind the line that `offset` is in."""
    if offset and text[offset - 1] == "\n":
        end = offset
    else:
        newline = text.find("\n", offset)
        end = len(text) if newline < 0 else newline + 1
    head = text[:end]
    return f"{head}{'' if not head or head.endswith(chr(10)) else chr(10)}{block.rstrip(chr(10))}\n{text[end:]}"


def _block(name: str, inner: str, content: Value, indent: int) -> str:
    """An entry in lines. Every text is quoted: so no reader of YAML takes it for something else."""
    lines = [f"- name: {json.dumps(name, ensure_ascii=False)}", f"  {inner}:"]
    lines += [f"    {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in content.items()]
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def _flow(name: str, inner: str, content: Value) -> str:
    return json.dumps({"name": name, inner: content}, ensure_ascii=False)


def _named(entry: _Node, name: str) -> bool:
    value = entry.get("name")
    return value is not None and value.kind == "scalar" and value.text == name


# The text's structure


def _root(text: str) -> _Node | None:
    """The mapping that the text is; None where it is empty."""
    stream = iter(yaml.parse(text, Loader=yaml.SafeLoader))
    for event in stream:
        if isinstance(event, events.DocumentStartEvent):
            root = _node(next(stream), stream)
            if root.kind == "scalar" and not root.text:
                return None
            if root.kind != "mapping":
                raise NotEditable("it is not a mapping")
            return root
    return None


def _node(event: events.Event, stream: Iterator[events.Event]) -> _Node:
    start: Any = event.start_mark
    node = _Node("scalar", start.index, _end(event), start.column)
    match event:
        case events.AliasEvent():
            node.kind = "alias"
        case events.ScalarEvent():
            node.text = event.value
        case events.SequenceStartEvent() | events.MappingStartEvent():
            node.kind = "sequence" if isinstance(event, events.SequenceStartEvent) else "mapping"
            node.flow = bool(event.flow_style)
            while not isinstance(event := next(stream), events.SequenceEndEvent | events.MappingEndEvent):
                child = _node(event, stream)
                if node.kind == "sequence":
                    node.items.append(child)
                else:
                    value = _node(next(stream), stream)
                    node.pairs.append((child.text if child.kind == "scalar" else "", value))
                    child = value
                node.end = max(node.end, child.end)
            if node.flow:
                node.end = _end(event)
    return node


def _end(event: events.Event) -> int:
    mark: Any = event.end_mark
    return int(mark.index)
