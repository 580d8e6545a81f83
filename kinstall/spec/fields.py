"""How a field of the answers is declared."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def answer(
    help: str,  # noqa: A002
    *,
    key: str = "",
    choices: tuple[str, ...] = (),
    secret: bool = False,
    since: str = "0.1",
    guide: tuple[int, ...] = (),
    **options: Any,
) -> Any:
    """A field with its entry for the answers file: one-line help, the key where camelCase is not it, choices.

    `secret`: someone may write a secret here although only a reference is allowed; no message repeats the value.
    `since`: the first version of kinstall that reads it. `guide`: rows of docs/coverage.md it belongs to.
    """
    told = {"help": help, "key": key, "choices": choices, "secret": secret, "since": since, "guide": guide}
    return field(metadata=told, **options)
