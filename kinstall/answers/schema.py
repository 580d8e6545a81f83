"""The answers file's JSON Schema (draft 2020-12), generated from the spec's own types."""

from __future__ import annotations

from typing import Any

from kinstall.answers.fields import Key, element, is_list, is_map, is_record, keys_of
from kinstall.cluster import ClusterSpec

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema as JSON-ready data. Editors complete and check with it; `kinstall plan` checks the rest."""
    definitions: dict[str, Any] = {}
    top = _record(ClusterSpec, definitions)
    return {
        "$schema": _DIALECT,
        "title": "kinstall answers",
        "description": "Everything kinstall needs to know about one cluster.",
        **top,
        "$defs": dict(sorted(definitions.items())),
    }


def _record(record: type, definitions: dict[str, Any]) -> dict[str, Any]:
    keys = keys_of(record)
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: _property(key, definitions) for key in keys},
    }
    required = [key.name for key in keys if key.required]
    return {**schema, "required": required} if required else schema


def _property(key: Key, definitions: dict[str, Any]) -> dict[str, Any]:
    found = {"title": key.name, "description": key.help, **_type(key.type, definitions)}
    if key.text:
        found["type"] = ["string", found["type"]]
    if key.choices:
        found["enum"] = list(key.choices)
    if key.lines:
        found["enumDescriptions"] = list(key.lines.values())  # an editor's own word: VS Code's and its relatives'
    if key.items:
        found["items"] = {**found["items"], "enum": list(key.items)}
    if key.optional:
        types = found["type"] if key.text else [found["type"]]
        found = {**found, "type": [*types, "null"]}
    if not key.required:
        found["default"] = key.plain_default
    return found


def _type(of: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if is_record(of):
        if of.__name__ not in definitions:
            definitions[of.__name__] = {}
            definitions[of.__name__] = {"title": of.__name__, "description": _summary(of), **_record(of, definitions)}
        return {"$ref": f"#/$defs/{of.__name__}"}
    if is_list(of):
        return {"type": "array", "items": _type(element(of), definitions)}
    if is_map(of):
        inner = element(of)
        return {"type": "object", "additionalProperties": True if inner is Any else _type(inner, definitions)}
    return {"type": {str: "string", int: "integer", bool: "boolean"}[of]}


def _summary(record: type) -> str:
    return (record.__doc__ or "").strip().partition("\n")[0]
