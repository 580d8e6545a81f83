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


def test_at_most_so_much_is_read(tmp_path: Path) -> None:
    """A file of the limit is read whole, of one more byte it is refused with the limit in words; so is a link."""
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"x" * 2048)
    link.symlink_to(path)
    assert files.read(path, 2048) == files.read(str(link), 2048) == b"x" * 2048
    with pytest.raises(files.TooLarge) as caught:
        files.read(path, 2047)
    assert caught.value.strerror == "it is larger than 1 KiB"
    with pytest.raises(OSError, match="symbolic links"):
        files.read(link, 2048, follow_links=False)


def test_what_never_ends_is_not_read(tmp_path: Path) -> None:
    """A device, a pipe without a writer, a folder and what is not a path at all: each is refused at once, in words."""
    os.mkfifo(tmp_path / "pipe")
    reasons = {}
    for path in ("/dev/zero", tmp_path / "pipe", tmp_path, "~nobody-of-this-name/file", "a\0b"):
        with pytest.raises(OSError) as caught:
            files.read(path, 10)
        reasons[str(path)] = caught.value.strerror
    assert list(reasons.values()) == [
        "it is not a regular file",
        "it is not a regular file",
        "Is a directory",
        "not a valid path",
        "not a valid path",
    ]
    with pytest.raises(FileNotFoundError):
        files.read(tmp_path / "none", 10)
