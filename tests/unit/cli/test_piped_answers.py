"""Answers that a program writes: a shell's `<(…)` and the standard input."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from kinstall.answers import load
from kinstall.errors import InvalidAnswers
from screens.draft.draft import Draft

ROOT = Path(__file__).parents[3]
MINIMAL = ROOT / "kinstall/answers/examples/minimal.yaml"


def bash(line: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `kinstall` is this one, and $ANSWERS an answers file."""
    return subprocess.run(
        ["bash", "-c", f'kinstall() {{ "{sys.executable}" -m kinstall "$@"; }}\n{line}'],
        cwd=ROOT, env={**os.environ, "ANSWERS": str(MINIMAL)}, capture_output=True, text=True, check=False, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        'kinstall plan --show-defaults <(cat "$ANSWERS")',
        'kinstall plan --show-defaults - <"$ANSWERS"',
        'cat "$ANSWERS" | kinstall plan --show-defaults -',
        '(sleep 1; cat "$ANSWERS") | kinstall plan --show-defaults /dev/stdin',
    ],
)
def test_answers_of_a_program(line: str) -> None:
    """The same as those of the file."""
    ran = bash(line)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == load.dump(load.load(MINIMAL), show_defaults=True)


def test_a_whole_replay_of_a_pipe() -> None:
    """Rehearsed: nothing reads the answers a second time."""
    ran = bash('kinstall rehearse <(cat "$ANSWERS") --output json')
    assert ran.returncode == 0 and '"outcome": "changed"' in ran.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("kinstall plan -", "the file is empty"),
        ("yes | kinstall plan -", "standard input: 1 problem\n  larger than 1 MiB"),
        ("kinstall plan - <&-", "standard input: 1 problem\n  the file cannot be read: Bad file descriptor"),
        ("kinstall plan - </dev/zero", "larger than 1 MiB"),
        ("kinstall plan <(echo 'nodes: [')", "/dev/fd/"),
    ],
)
def test_what_is_not_answers(line: str, said: str) -> None:
    """A sentence and exit code 2, whatever comes."""
    ran = bash(line)
    assert ran.returncode == 2 and said in ran.stderr and "Traceback" not in ran.stderr, ran


def test_a_program_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for without end."""
    monkeypatch.setattr(load, "PATIENCE", 0.2)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidAnswers, match="did not end within"):
        load.load(tmp_path / "pipe")


def test_a_terminal_is_not_waited_for() -> None:
    """`kinstall plan -` typed by hand: nobody knows that it waits for a whole file."""
    outer, inner = pty.openpty()
    ran = subprocess.run(
        [sys.executable, "-m", "kinstall", "plan", "-"],
        cwd=ROOT, stdin=inner, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    os.close(outer)
    os.close(inner)
    assert ran.returncode == 2 and "standard input is a terminal" in ran.stderr


def test_the_wizard_needs_a_file(tmp_path: Path) -> None:
    """It writes the answers back."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidAnswers, match="not a regular file"):
        Draft.load(tmp_path / "pipe")
