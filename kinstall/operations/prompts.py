"""Secrets that answers ask to be typed (`prompt:TEXT`), found before a run so that all are asked at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from kinstall.cluster import ClusterSpec
from kinstall.errors import UsageError
from kinstall.secrets import prompt_text

_PROMPT = "prompt:"


def prompted(spec: ClusterSpec) -> tuple[str, ...]:
    """What has to be typed for these answers, each question once and in their order."""
    return tuple(dict.fromkeys(prompt_text(reference) for reference in _references(spec)))


def typed(answers: Mapping[str, str], question: str) -> str:
    """What was typed for a question; a prompt for Secrets where the screen, not a terminal, asked before.

    Raises:
        UsageError: it was not asked
    """
    if question not in answers:
        raise UsageError(f"{question!r} was not asked for", "refer to the secret by env:NAME or file:PATH")
    return answers[question]


def _references(value: Any) -> Iterator[str]:
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            inner = getattr(value, field.name)
            if field.metadata.get("secret") and isinstance(inner, str):
                if inner.startswith(_PROMPT):
                    yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _references(inner)
