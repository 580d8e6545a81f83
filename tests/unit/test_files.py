"""Files that are replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kinstall import files


def test_content_and_mode(tmp_path: Path) -> None:
    """The new content stands there with the mode that was asked for, whatever umask and the old file's mode say."""
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    files.write(path, b"\x00new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"\x00new", 0o600)
    files.write(path, "text ü", 0o644)
    assert (path.read_text("utf-8"), path.stat().st_mode & 0o777) == ("text ü", 0o644)


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_an_error_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A disk that is full in the middle: the old content is there, and nothing is beside it."""
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space"):
        files.write(path, "new")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])
