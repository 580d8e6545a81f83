"""Answers files that must be refused: each problem with its path, its line and a telling sentence, and no secret."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kinstall.answers import load
from kinstall.errors import EXIT_USAGE, InvalidAnswers

FOLDER = Path(__file__).parent / "bad_answers"
FILES = sorted(FOLDER.glob("*.yaml"))
SECRETS = ("CANARY", "73319731")


def expected(text: str) -> list[tuple[int, str, str]]:
    """(line, path, telling part) out of the file's first lines."""
    found = []
    for line in text.splitlines():
        if not line.startswith("#! "):
            break
        number, path, part = line.removeprefix("#! ").split(" | ", 2)
        found.append((int(number), path.strip(), part))
    return found


def refused(path: Path) -> InvalidAnswers:
    with pytest.raises(InvalidAnswers) as caught:
        load.load(path)
    return caught.value


def test_there_are_enough() -> None:
    """The folder is read at all, and holds the cases that were asked for."""
    assert len(FILES) >= 60


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_refused_with_path_line_and_sentence(path: Path) -> None:
    """Exactly the expected problems are told, at their place, with a remedy, and nothing that may be a secret."""
    wanted = expected(path.read_text("utf-8"))
    error = refused(path)
    told = sorted((problem.line, problem.path) for problem in error.problems)
    assert wanted, "the file says nothing about what to expect"
    assert told == sorted((line, place) for line, place, _ in wanted), str(error)
    for line, place, part in wanted:
        assert any(part in str(p) for p in error.problems if (p.line, p.path) == (line, place)), str(error)
    assert not any(secret in str(error) for secret in SECRETS)
    assert error.exit_code == EXIT_USAGE
    assert str(path) in str(error)


def test_problems_come_in_the_order_of_the_file() -> None:
    """An operator mends a file from top to bottom."""
    lines = [problem.line for problem in refused(FOLDER / "many_at_once.yaml").problems]
    assert lines == sorted(lines)
    assert len(set(lines)) > 5


def test_empty_file(tmp_path: Path) -> None:
    """An empty file is told as such, with where to start."""
    path = tmp_path / "answers.yaml"
    path.touch()
    assert "the file is empty; kinstall example > FILE writes one to start from" in str(refused(path))


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is a sentence, no traceback."""
    assert "there is no such file" in str(refused(tmp_path / "nothing.yaml"))


def test_directory(tmp_path: Path) -> None:
    """A directory is a sentence, too."""
    assert "this is a directory" in str(refused(tmp_path))


def test_path_with_nul(tmp_path: Path) -> None:
    """A path that no system call takes is refused like a missing file."""
    assert "cannot be read" in str(refused(tmp_path / "a\0b"))


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's file is a sentence. (Tests may run as root, whom modes do not stop.)"""
    path = tmp_path / "answers.yaml"
    path.touch()

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    assert "you may not read this file" in str(refused(path))


def test_not_utf8(tmp_path: Path) -> None:
    """Another encoding is named, with the line of the first character that is none."""
    path = tmp_path / "answers.yaml"
    path.write_bytes("# kinstall\nclusterName: dätä\n".encode("latin-1"))
    assert "line 2: not UTF-8 text" in str(refused(path))


def test_control_character(tmp_path: Path) -> None:
    """A NUL in the text is found with its line."""
    path = tmp_path / "answers.yaml"
    path.write_bytes(b"clusterName: demo\nssh: {user: a\0b}\n")
    assert "line 2: a character that YAML does not allow" in str(refused(path))


def test_fifty_megabytes_are_refused_unread(tmp_path: Path) -> None:
    """A huge file is refused at once: only its first mebibyte is read, whatever is in it."""
    path = tmp_path / "answers.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    begun = time.monotonic()
    assert "larger than 1 MiB" in str(refused(path))
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"key{number}: value\n" for number in range(60_000)),
        "[" * 500_000,
        "- " * 300_000,
        "".join(f"{' ' * depth}a:\n" for depth in range(1000)),
        "a: &a [*a, *a]\n",
        "".join(f"k{number}: &a{number} v\n" for number in range(40_000)),
    ],
    ids=["many keys", "brackets", "dashes", "deep blocks", "recursion", "anchors"],
)
def test_hostile_texts_end_soon(text: str) -> None:
    """What is built to keep a parser busy, or to end it with an overflow of its stack, is refused in seconds."""
    begun = time.process_time()  # not the clock's: other programs may keep the machine busy
    with pytest.raises(InvalidAnswers):
        load.parse(text)
    assert time.process_time() - begun < 15
