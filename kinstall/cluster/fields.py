"""How a field of the answers is declared."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def answer(
    help: str,  # noqa: A002
    *,
    key: str = "",
    choices: tuple[str, ...] = (),
    items: tuple[str, ...] = (),
    secret: bool = False,
    since: str = "0.1",
    guide: tuple[int, ...] = (),
    label: str = "",
    more: str = "",
    screen: str = "",
    group: str = "",
    **options: Any,
) -> Any:
    """A field with its entry for the answers file: one-line help, the key where camelCase is not it, choices.

    `items`: what the items of a list are chosen from; a rule checks them, and says which is meant.
    `secret`: someone may write a secret here although only a reference is allowed: no message repeats the value.
    `since`: the first version of kinstall that reads it. `guide`: rows of docs/coverage.md it belongs to.

    For the wizard: `label` where the key's own words are not it, `more` for help that does not fit one line,
    `screen` where the field is asked for (default: where its section is), `group` for a heading under which fields
    that few need are folded away.
    """
    described = {
        "help": help,
        "key": key,
        "choices": choices,
        "items": items,
        "secret": secret,
        "since": since,
        "guide": guide,
    }
    shown = {"label": label, "more": more, "screen": screen, "group": group}
    return field(metadata={**described, **shown}, **options)
