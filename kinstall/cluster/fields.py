"""How a field of the answers is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class When:
    """A field applies only where another one has one of these values; elsewhere it has no effect.

    `key`: that field, in the nearest record around this one that has it: `role` for what belongs to a node;
    `security.mode` from anywhere.
    `why`: said of a value that has no effect, where "it has no effect with …" is not clear enough.
    `harmless`: such a value is accepted; without it, it is a problem of the answers.
    """

    key: str
    values: tuple[str, ...]
    why: str = ""
    harmless: bool = False


def answer(
    help: str,  # noqa: A002
    *,
    key: str = "",
    choices: tuple[str, ...] | Mapping[str, str] = (),
    items: tuple[str, ...] = (),
    secret: bool = False,
    reference: bool = False,
    since: str = "0.1",
    guide: tuple[int, ...] = (),
    when: When | None = None,
    label: str = "",
    more: str = "",
    screen: str = "",
    group: str = "",
    panel: bool = False,
    **options: Any,
) -> Any:
    """A field with its entry for the answers file: one-line help, the key where camelCase is not it, choices.

    `choices`: the values, or each with a line of its own: what it is, when to take it, its cost.
    `when`: where it applies; None: everywhere.
    `items`: what the items of a list are chosen from; a rule checks them, and says which is meant.
    `secret`: someone may write a secret here although only a reference is allowed: no message repeats the value.
    `reference`: to a secret; without it such a field holds a path.
    `since`: the first version of kinstall that reads it. `guide`: rows of docs/coverage.md it belongs to.

    For the wizard: `label` where the key's own words are not it, `more` for help that does not fit one line,
    `screen` where the field is asked for (default: where its section is), `group` for a heading under which fields
    that few need are folded away, `panel` for a choice that matters: one line for each of its values.
    """
    described = {
        "help": help,
        "key": key,
        "choices": tuple(choices),
        "lines": dict(choices) if isinstance(choices, Mapping) else {},
        "when": when,
        "items": items,
        "secret": secret,
        "reference": reference,
        "since": since,
        "guide": guide,
    }
    shown = {"label": label, "more": more, "screen": screen, "group": group, "panel": panel}
    return field(metadata={**described, **shown}, **options)
