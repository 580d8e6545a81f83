"""YAML as kinstall writes it: keys in the order given, text blocks as blocks, no aliases.

Every text is read as that text by every reader. They differ: to PyYAML (YAML 1.1) `on` is true and `1e3` a text; to
Go's (sigs.k8s.io/yaml, which Kubernetes uses) `08`, `1e3` and `685e28` are numbers; 1.2's core schema knows `0o17`. So
what any of them could take for something else is quoted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

_WORDS = frozenset(("", "~", "=", "<<", "null", "y", "yes", "n", "no", "true", "false", "on", "off"))
"""In any case: each has a meaning in some version or reader, in some case."""

_LIKE_NO_TEXT = re.compile(
    r"""
    [-+]? (?:
      \.? [0-9][0-9_]* (?: \.[0-9_]* )? (?: e [-+]? [0-9_]* )?  # 08 1_000 .5 1. 1e3 685e28
    | 0x [0-9a-f_.]* (?: p [-+]? [0-9_]* )?                     # 0x1F 0X1f
    | 0 [ob] [0-9_]*                                            # 0o17 0b11
    | [0-9][0-9_]* (?: : [0-9_]+ )+ (?: \.[0-9_]* )?            # 190:20:30
    | \.? (?: inf | infinity | nan )
    )
    | [0-9]{4} - [0-9]{1,2} - [0-9]{1,2} (?: [t\s] .* )?         # 2024-01-01, with a time
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)

# YAML 1.1 takes them for ends of lines, 1.2 does not; a mark of byte order is nobody's text.
_DISPUTED = re.compile("[\x85\u2028\u2029\ufeff]")


def is_text(value: str) -> bool:
    """Whether every reader takes `value`, written without quotes, for a text (where YAML allows it without quotes)."""
    return value.lower() not in _WORDS and not _LIKE_NO_TEXT.fullmatch(value)


class Dumper(yaml.SafeDumper):
    """`quote`: the quotes around what is not `is_text`."""

    quote = "'"

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, value: str) -> yaml.ScalarNode:
        if _DISPUTED.search(value):
            style: str | None = '"'  # the only style with escapes
        elif "\n" in value:
            style = "|"
        else:
            style = None if is_text(value) else self.quote
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(str, Dumper.represent_text)


class _Indented(Dumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        # Lists are indented below their key, as kubectl and people write them.
        super().increase_indent(flow, False)


def document(value: Mapping[str, Any]) -> str:
    """One YAML document."""
    return yaml.dump(
        value, Dumper=_Indented, sort_keys=False, width=sys.maxsize, allow_unicode=True, default_flow_style=False
    )


def documents(values: Iterable[Mapping[str, Any]]) -> str:
    """Several documents in one stream, for `kubectl apply -f -`."""
    return "---\n".join(document(value) for value in values)
