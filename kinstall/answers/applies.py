"""Where a field of the answers applies, as its declaration says (`when`): one answer for the rules and the wizard."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from kinstall.answers.fields import Key, Path, element, is_list, is_record, keys_of
from kinstall.cluster import ClusterSpec, Node


@cache
def conditional(record: type = ClusterSpec) -> tuple[tuple[Path, Key], ...]:
    """Every field of a record that does not apply everywhere, with its path in it; also in records inside it."""
    return tuple(_conditional(record, ()))


def _conditional(record: type, path: Path) -> Iterator[tuple[Path, Key]]:
    for key in keys_of(record):
        here = (*path, key.name)
        if key.when:
            yield here, key
        elif is_record(key.type):
            yield from _conditional(key.type, here)


def everywhere(nodes: int) -> Iterator[tuple[Path, Key]]:
    """conditional() of a cluster, and of each of its so many nodes."""
    yield from conditional()
    for index in range(nodes):
        for path, key in conditional(Node):
            yield ("nodes", index, *path), key


DECIDING = frozenset(
    key.when.key.rpartition(".")[2] for record in (ClusterSpec, Node) for _, key in conditional(record) if key.when
)
"""The last parts of the paths of all fields that decide where others apply."""


def decides(path: Path, key: Key) -> Path | None:
    """Where the field is that decides whether the one at `path` applies; None where it applies everywhere."""
    if key.when is None:
        return None
    wanted = tuple(key.when.key.split("."))
    found, record = None, ClusterSpec
    for index, part in enumerate(path):
        if is_record(record) and any(each.name == wanted[0] for each in keys_of(record)):
            found = (*path[:index], *wanted)
        record = _inside(record, part)
    return found


def _inside(record: Any, part: str | int) -> Any:
    if is_record(record):
        return next((key.type for key in keys_of(record) if key.name == part), None)
    return element(record) if is_list(record) else None


def condition(path: Path) -> tuple[Path, Key] | None:
    """(path, key) of the innermost field around `path` or at it that has a condition; None where it has none.

    A whole record may have one: `components.etcd` of a worker holds for everything in it.
    """
    found, record = None, ClusterSpec
    for index, part in enumerate(path):
        inner = next((each for each in keys_of(record) if each.name == part), None) if is_record(record) else None
        if inner is not None and inner.when:
            found = (path[: index + 1], inner)
        record = inner.type if inner else element(record)
    return found


def value_at(spec: ClusterSpec, path: Path) -> Any:
    """The value of a spec at a path of the answers.

    Raises:
        LookupError: there is no such field, or no such element
    """
    value: Any = spec
    for part in path:
        if isinstance(part, str) and is_record(type(value)):
            name = next((key.attribute for key in keys_of(type(value)) if key.name == part), "")
            if not name:
                raise LookupError(part)
            value = getattr(value, name)
        else:
            value = value[part]
    return value
