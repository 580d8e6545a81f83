"""YAML as kinstall writes it: keys in the order given, text blocks as blocks, no aliases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        # Lists are indented below their key, as kubectl and people write them.
        super().increase_indent(flow, False)


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _represent_text)


def document(value: Mapping[str, Any]) -> str:
    """One YAML document."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True, default_flow_style=False)


def documents(values: Iterable[Mapping[str, Any]]) -> str:
    """Several documents in one stream, for `kubectl apply -f -`."""
    return "---\n".join(document(value) for value in values)
