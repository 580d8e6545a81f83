"""The JSON Schema agrees with what the parser takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kinstall.answers import load
from kinstall.answers.fields import keys_of, plain
from kinstall.answers.schema import schema
from kinstall.cluster import ClusterSpec, Node

EXAMPLES = sorted((Path(__file__).parents[3] / "kinstall/answers/examples").glob("*.yaml"))
_TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list, "null": type(None)}


def violations(value: Any, rule: dict[str, Any], top: dict[str, Any], where: str = "") -> Iterator[str]:
    """As much of draft 2020-12 as the schema uses."""
    rule = {**top["$defs"][rule["$ref"].rpartition("/")[2]], **rule} if "$ref" in rule else rule
    types = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    if type(value) not in [_TYPES[name] for name in types]:
        yield f"{where}: {value!r} is no {types}"
        return
    if "enum" in rule and value not in rule["enum"]:
        yield f"{where}: {value!r} is none of {rule['enum']}"
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from violations(item, rule["items"], top, f"{where}[{index}]")
    if isinstance(value, dict):
        for key in rule.get("required", ()):
            if key not in value:
                yield f"{where}: {key} is missing"
        for key, inner in value.items():
            here = rule.get("properties", {}).get(key, rule["additionalProperties"])
            if here is False:
                yield f"{where}.{key}: unknown"
            elif here is not True:
                yield from violations(inner, here, top, f"{where}.{key}")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("show_defaults", [False, True])
def test_examples_fit_the_schema(path: Path, show_defaults: bool) -> None:
    """What the parser takes, and what dump writes, the schema takes as well."""
    data = plain(load.load(path), show_defaults=show_defaults)
    assert list(violations(data, schema(), schema())) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"clusterNam": "a"}, ".clusterNam: unknown"),
        ({"clusterName": 1}, ".clusterName: 1 is no ['string']"),
        ({"networking": {"proxyMode": "ipvs"}}, ".networking.proxyMode: 'ipvs' is none of"),
        ({"ssh": {"port": True}}, ".ssh.port: True is no ['integer']"),
        ({"nodes": [{"name": "a", "address": "b"}]}, ".nodes[0]: role is missing"),
        ({"components": {"kubelet": {"extraArgs": {"v": 2}}}}, ".components.kubelet.extraArgs.v: 2 is no"),
    ],
)
def test_schema_refuses_what_the_parser_refuses(change: dict[str, Any], told: str) -> None:
    """Unknown keys, other types, other choices and missing keys are against the schema too."""
    data = {"nodes": [{"name": "cp1", "address": "10.90.0.11", "role": "control-plane"}], **change}
    assert any(line.startswith(told) for line in violations(data, schema(), schema()))


def test_free_fields_are_free() -> None:
    """Kubernetes' own configuration fields may be anything, null included."""
    config = {"a": None, "b": [1, {"c": 2.5}]}
    data = {
        "nodes": [{"name": "cp1", "address": "10.90.0.11", "role": "control-plane", "taints": None}],
        "components": {"kubelet": {"config": config}},
    }
    assert list(violations(data, schema(), schema())) == []


def test_every_key_has_title_and_description_and_defaults_are_json() -> None:
    """An editor shows each key's help and default."""
    import json

    whole = schema()
    assert json.loads(json.dumps(whole)) == whole
    records = [whole, *whole["$defs"].values()]
    for record in records:
        assert record["additionalProperties"] is False
        for name, rule in record["properties"].items():
            assert rule["title"] == name
            assert rule["description"]
            assert ("default" in rule) != (name in record.get("required", ()))


def test_schema_has_the_keys_of_the_spec() -> None:
    """Nothing is left out between the dataclasses and the schema."""
    assert list(schema()["properties"]) == [key.name for key in keys_of(ClusterSpec)]
    assert list(schema()["$defs"]["Node"]["properties"]) == [key.name for key in keys_of(Node)]
