"""Which screen asks for which field of the answers, read off the declarations. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from kinstall.answers.fields import Key, Path, is_record, keys_of, label_of, written
from kinstall.cluster import ClusterSpec

SCREENS = ("networking", "security", "images", "nodes")
"""Names of the screens that ask for fields."""

NOT_ASKED = {
    "apiVersion": "the wizard writes the format that it knows",
    "nodes": "a table of its own, with a form for each node",
}
"""Top-level fields without a row, each with the reason."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A field with its place: `screen` is one of SCREENS, `group` the heading it is folded under, empty for none."""

    path: Path
    key: Key
    screen: str
    group: str

    @property
    def written(self) -> str:
        return written(self.path)

    @property
    def label(self) -> str:
        """The field's label; a nested field also names what it belongs to."""
        around = [label_of(part) for part in self.path[1:-1] if isinstance(part, str) and part != "components"]
        if not around:
            return self.key.label
        return " ".join([around[0], *(each.lower() for each in around[1:]), self.key.label.lower()])


@cache
def placed() -> tuple[Placed, ...]:
    """Every field that a screen has a row for, in the order of their declarations."""
    return tuple(_placed(ClusterSpec, (), "", ""))


def placed_on(screen: str) -> tuple[Placed, ...]:
    """The fields of one screen."""
    return tuple(field for field in placed() if field.screen == screen)


def placed_in(record: type, path: Path, screen: str) -> tuple[Placed, ...]:
    """The fields of a record at `path`, such as one node."""
    return tuple(_placed(record, path, screen, ""))


def screen_of(path: str) -> str:
    """The screen that asks for what is at a written path; `nodes` for every node, empty where none does."""
    if path == "nodes" or path.startswith("nodes["):
        return "nodes"
    best = max(
        (
            field
            for field in placed()
            if path == field.written or path.startswith((f"{field.written}.", f"{field.written}["))
        ),
        key=lambda field: len(field.written),
        default=None,
    )
    return best.screen if best else ""


def _placed(record: type, path: Path, screen: str, group: str) -> Iterator[Placed]:
    for key in keys_of(record):
        here = (*path, key.name)
        if written(here) in NOT_ASKED:
            continue
        where, under = key.screen or screen, key.group or group
        if is_record(key.type):
            yield from _placed(key.type, here, where, under)
        else:
            yield Placed(here, key, where, under)
