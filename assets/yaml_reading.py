"""YAML that somebody else wrote, read within bounds: libyaml's composer, and whoever walks the result, would go on
until memory or stack end. Pure."""

from __future__ import annotations

from typing import Any

import yaml
from yaml import events

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 10,000 lines take the other one seconds


class TooMuch(yaml.YAMLError):
    """The text is deeper, or holds more, than any honest one."""


def load_all(text: str, most: int, deepest: int) -> list[Any]:
    """The documents of a text of at most `most` values, those behind aliases counted each time, `deepest` levels deep.

    Raises:
        yaml.YAMLError: it is not YAML, or has more (TooMuch)
    """
    _check(text, most, deepest)
    return list(yaml.load_all(text, Loader=_LOADER))


def _check(text: str, most: int, deepest: int) -> None:
    """Events come one by one, whatever the text: nothing is built of it yet."""
    count = 0
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=_LOADER):
        match event:
            case events.AliasEvent():
                if event.anchor not in sizes:
                    raise TooMuch(f"the alias {event.anchor!r} stands for nothing, or for what it is in")
                count += sizes[event.anchor]
            case events.ScalarEvent():
                count += 1
                if event.anchor:
                    sizes[event.anchor] = 1
            case events.SequenceStartEvent() | events.MappingStartEvent():
                opened.append((event.anchor, count))
                count += 1
            case events.SequenceEndEvent() | events.MappingEndEvent():
                anchor, before = opened.pop()
                if anchor:
                    sizes[anchor] = count - before
        if len(opened) > deepest:
            raise TooMuch(f"it is nested more than {deepest} levels deep")
        if count > most:
            raise TooMuch(f"it holds more than {most} values")
