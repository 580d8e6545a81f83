"""The program on answers files that describe no cluster: exit 2, sentences, never a traceback, nothing made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kinstall.cli import main
from kinstall.errors import EXIT_USAGE
from tests.unit.answers.test_bad_answers import FILES, SECRETS, expected

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_replay_refuses(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every bad file: exit 2, a sentence for each problem on the standard error, no state folder, no secret."""
    state = tmp_path / "state"
    assert main.main(["replay", str(path), "--state", str(state)]) == EXIT_USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("kinstall: ")
    assert "Traceback" not in shown.err
    for _, _, part in expected(path.read_text("utf-8")):
        assert part in shown.err
    assert not any(secret in shown.err for secret in SECRETS)
    assert not state.exists()


@pytest.mark.parametrize("command", ["plan", "preflight", "verify", "reset", "trust", "render"])
def test_every_command_refuses(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not replay alone: whoever reads answers checks them."""
    path = next(path for path in FILES if path.stem == "many_at_once")
    words = [str(tmp_path / "out")] if command == "render" else ["--state", str(tmp_path / "state")]
    assert main.main([command, str(path), *words]) == EXIT_USAGE
    assert "problems" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["duplicate_key", "alias_bomb", "many_at_once"])
@pytest.mark.parametrize("output", ["text", "json"])
def test_as_a_program(name: str, output: str, tmp_path: Path) -> None:
    """The same through the program itself; as JSON, the problems are a list for scripts."""
    found = [path for path in FILES if path.stem.startswith(name)]
    assert found, name
    ended = subprocess.run(
        [sys.executable, "-m", "kinstall", "replay", str(found[0]), "--state", str(tmp_path / "s"), "--output", output],
        cwd=REPOSITORY,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == EXIT_USAGE
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    if output == "json":
        assert len(json.loads(ended.stderr)["problems"]) == len(expected(found[0].read_text("utf-8")))
    assert list(tmp_path.iterdir()) == []
