"""Folders with owners and modes of all kinds: what has to be refused where nobody else may write, and what not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

STRANGER = 12345
"""A user of this number may not exist: that of a container, of another machine's disk."""

_Case = Callable[[Path], tuple[Path, str]]
"""Prepares a folder (0700); returns the path to judge, and the path that is wrong: "" where all is in order."""


def _made(path: Path, mode: int, owner: int | None = None, group: int | None = None) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if owner is not None:
        os.chown(path, owner, owner if group is None else group)
    return path


def _ours(folder: Path) -> tuple[Path, str]:
    return _made(_made(folder / "a", 0o755) / "b", 0o700), ""


def _missing(folder: Path) -> tuple[Path, str]:
    return _made(folder / "a", 0o755) / "b" / "c", ""


def _open_to_all(folder: Path) -> tuple[Path, str]:
    return _made(folder / "a", 0o757) / "b", "a"


def _open_far_above(folder: Path) -> tuple[Path, str]:
    open_one = _made(folder / "a", 0o777)
    return _made(open_one / "b" / "c", 0o700), "a"


def _open_to_a_group(folder: Path) -> tuple[Path, str]:
    return _made(folder / "a", 0o775, os.geteuid(), 0) / "b", "a"


def _sticky_above(folder: Path) -> tuple[Path, str]:
    return _made(_made(folder / "a", 0o1777) / "b", 0o700), ""


def _missing_in_a_sticky_one(folder: Path) -> tuple[Path, str]:
    return _made(folder / "a", 0o1777) / "b", ""


def _sticky_itself(folder: Path) -> tuple[Path, str]:
    return _made(folder / "a", 0o1777), "a"


def _strangers(folder: Path) -> tuple[Path, str]:
    return _made(folder / "a", 0o755, STRANGER) / "b", "a"


def _strangers_in_a_sticky_one(folder: Path) -> tuple[Path, str]:
    return _made(_made(folder / "a", 0o1777) / "b", 0o700, STRANGER), "a/b"


def _link_to_ours(folder: Path) -> tuple[Path, str]:
    _made(folder / "real" / "b", 0o700)
    (folder / "link").symlink_to("real")
    return folder / "link" / "b", ""


def _link_to_an_open_one(folder: Path) -> tuple[Path, str]:
    _made(folder / "open", 0o777)
    _made(folder / "open" / "b", 0o700)
    (folder / "one").symlink_to(folder / "open" / "b")
    (folder / "two").symlink_to("../" + folder.name + "/one")
    return folder / "two", "open"


def _strangers_link(folder: Path) -> tuple[Path, str]:
    _made(folder / "real", 0o700)
    _made(folder / "a", 0o1777)
    (folder / "a" / "link").symlink_to("../real")
    os.lchown(folder / "a" / "link", STRANGER, STRANGER)
    return folder / "a" / "link", "a/link"


def _callers_home(folder: Path) -> tuple[Path, str]:
    os.environ["SUDO_UID"] = str(STRANGER)
    return _made(folder / "home", 0o750, STRANGER) / ".cache", ""


def _another_home(folder: Path) -> tuple[Path, str]:
    os.environ["SUDO_UID"] = str(STRANGER + 1)
    return _made(folder / "home", 0o750, STRANGER) / ".cache", "home"


def _callers_open_home(folder: Path) -> tuple[Path, str]:
    os.environ["SUDO_UID"] = str(STRANGER)
    return _made(folder / "home", 0o777, STRANGER) / ".cache", "home"


_IN_ORDER = (_ours, _missing, _sticky_above, _missing_in_a_sticky_one, _link_to_ours, _callers_home)
_OPEN = (_open_to_all, _open_far_above, _open_to_a_group, _sticky_itself, _link_to_an_open_one, _callers_open_home)
_OTHERS = (_strangers, _strangers_in_a_sticky_one, _strangers_link, _another_home)
OWNERS: dict[str, _Case] = {each.__name__.strip("_"): each for each in (*_IN_ORDER, *_OPEN, *_OTHERS)}
_OF_ROOT = ("strangers", "callers", "another")


def prepared(case: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """The path to judge, and the path below `folder` that is wrong with it ("" where it is in order)."""
    if os.geteuid() != 0 and case.startswith(_OF_ROOT):
        pytest.skip("only root can give a folder away")
    monkeypatch.setenv("SUDO_UID", "")
    return OWNERS[case](folder)
