"""Which etcd may take over another one's data. Pure."""

from __future__ import annotations

import re

from kinstall.cluster.releases import known_versions, release

_VERSION = re.compile(r"v?(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\d.]).*")
_BEFORE_3_7 = (3, 6, 11)
"""https://etcd.io/docs/v3.7/upgrades/upgrade_3_7/"""


def etcd_upgrade(runs: str, wanted: str) -> tuple[str, str] | None:
    """Why `wanted` cannot follow on `runs` (full references of images), and the way; None where it can, or where the
    tag of one of them is not a version."""
    before, after = _version(runs), _version(wanted)
    if before is None or after is None or before[:2] == after[:2]:
        return None
    if after[:2] < before[:2]:
        return (
            f"etcd {_text(before)} runs here and cannot go back to {_text(after)}",
            f"set images.etcd to a version of {before[0]}.{before[1]}",
        )
    if after[0] != before[0] or after[1] > before[1] + 1:
        between = f"{before[0]}.{before[1] + 1}"
        return (
            f"from etcd {_text(before)}, which runs here, to {_text(after)} would skip a minor release",
            f"set images.etcd to a version of {between} and run replay first",
        )
    if after[:2] == (3, 7) and before < _BEFORE_3_7:
        return (
            f"etcd {_text(before)} runs here, and {_text(after)} takes over from {_text(_BEFORE_3_7)} or later only",
            f"set images.etcd: {_newest('3.6')} and run replay; then remove it and run replay again",
        )
    return None


def _version(image: str) -> tuple[int, int, int] | None:
    """That of an image's tag: 3.6.14-0 is (3, 6, 14)."""
    tag = image.partition("@")[0].rpartition(":")[2]
    found = _VERSION.fullmatch(tag)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _text(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


def _newest(minor: str) -> str:
    """The tag that a release of the catalogue has of that minor."""
    tags = (release(version).etcd for version in known_versions())
    return next((tag for tag in tags if tag.startswith(f"{minor}.")), _text(_BEFORE_3_7))
