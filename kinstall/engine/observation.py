"""What a node answered when asked what it has. Plain records, filled by a host, read by the diff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kinstall.engine.record import Entry


@dataclass(frozen=True, slots=True)
class PathState:
    """`kind` is stat's word (`regular file`, `directory`, …); `stamp` is size:mtime:ctime; `empty` of a directory."""

    kind: str
    mode: int
    owner: str
    stamp: str
    digest: str = ""
    empty: bool = False


@dataclass(frozen=True, slots=True)
class UnitState:
    active: bool
    enabled: bool
    exists: bool = True
    needs_reload: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """`checks`: step id → whether its check succeeded. `marks`: mark's name → with what its step was brought about.

    `images`: None while the container runtime does not run and cannot be asked.
    `record`: what earlier runs did there. `tools`: which optional programs it has. `busy`: who works there now.
    """

    paths: Mapping[str, PathState] = field(default_factory=dict)
    units: Mapping[str, UnitState] = field(default_factory=dict)
    images: frozenset[str] | None = frozenset()
    checks: Mapping[str, bool] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    record: tuple[Entry, ...] = ()
    tools: frozenset[str] = frozenset()
    busy: str = ""
