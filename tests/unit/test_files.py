"""Files that are replaced whole or not at all."""

from __future__ import annotations

import grp
import os
import subprocess
import time
from pathlib import Path

import pytest

from kinstall import files
from tests.unit.owners import OWNERS, prepared


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


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """With patience: what several writes make, also of a writer that comes late; one byte too many is refused, and so
    is what does not end in time. A device is refused at once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def writes(program: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sh", "-c", f"exec 2>/dev/null >{pipe}; {program}"])

    with writes("printf one; sleep 0.3; printf two"):
        assert files.read(pipe, 6, patience=20) == b"onetwo"
    with writes("printf onetwo"), pytest.raises(files.TooLarge):
        files.read(pipe, 5, patience=20)
    began = time.monotonic()
    with writes("while sleep 0.1 && printf x; do :; done"), pytest.raises(OSError) as refused:
        files.read(pipe, 1 << 20, patience=0.5)
    assert refused.value.strerror == "it did not end within 0.5 seconds" and time.monotonic() - began < 10
    with pytest.raises(OSError, match="did not end"):  # nobody writes at all
        files.read(pipe, 10, patience=0.2)
    with pytest.raises(OSError, match="not a regular file"):
        files.read("/dev/zero", 10, patience=20)


@pytest.mark.parametrize("case", OWNERS)
def test_nobody_else_can_change_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Owner and mode of each folder from `/` on, links followed: the first that is wrong is named, with its owner and
    mode, and nothing is made. What is in order is made, for its owner only."""
    path, wrong = prepared(case, tmp_path, monkeypatch)
    before = sorted(tmp_path.rglob("*"))
    if not wrong:
        files.make_folder(path)
        assert path.is_dir() and (path in before or path.stat().st_mode & 0o777 == 0o700)
        return
    for act in (files.check_owners, files.make_folder):
        with pytest.raises(files.OthersMayWrite) as refused:
            act(path)
        mode = (tmp_path / wrong).lstat().st_mode & 0o7777
        assert f"{tmp_path / wrong} (owner " in refused.value.strerror and f"mode {mode:04o})" in refused.value.strerror
        assert refused.value.remedy
    assert sorted(tmp_path.rglob("*")) == before


def test_a_group_of_ones_own_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """~/.local of Debian and Ubuntu: group-writable, but the group is the owner's alone. With one more member, or with
    a number that no group has, it counts as others."""
    members: list[str] = []

    class Group:
        gr_mem = members

    owned = os.stat_result((0o040775, 1, 1, 2, 1000, 1000, 0, 0, 0, 0))
    monkeypatch.setattr(grp, "getgrgid", lambda number: Group)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(files, "_way", lambda path: ([(Path("/"), owned)], True))
    files.check_owners(tmp_path)
    members.append("bob")
    with pytest.raises(files.OthersMayWrite, match="others may write to / "):
        files.check_owners(tmp_path)
    monkeypatch.undo()
    unknown = os.stat_result((0o040775, 1, 1, 2, 0, 4242, 0, 0, 0, 0))
    monkeypatch.setattr(files, "_way", lambda path: ([(Path("/"), unknown)], True))
    with pytest.raises(files.OthersMayWrite, match="mode 0775"):
        files.check_owners(tmp_path)


def test_links_without_an_end(tmp_path: Path) -> None:
    """Links that lead to one another are an error in words, not a loop."""
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(OSError, match="symbolic links"):
        files.check_owners(tmp_path / "one")
