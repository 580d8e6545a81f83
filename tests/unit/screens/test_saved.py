"""Unfinished answers between two starts of the wizard: kept and read only where nobody else can write."""

from __future__ import annotations

from pathlib import Path

import pytest

from screens.draft import saved
from screens.draft.saved import Unsaved


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    """The text, and which answers were installed last; both in a private folder."""
    answers = tmp_path / "demo.yaml"
    answers.touch()
    assert Unsaved(answers).keep("clusterName: demo\n") == ""
    saved.remember_run(answers, "demo")
    assert Unsaved(answers).read() == "clusterName: demo\n" and saved.last_run() == answers
    assert Unsaved(answers).path.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_is_kept_or_read_where_others_may_write(tmp_path: Path, home: Path) -> None:
    """Answers of somebody else's would be installed as the operator's own: they are not read, and why nothing is kept
    is a sentence."""
    answers = tmp_path / "demo.yaml"
    answers.touch()
    Unsaved(answers).keep("nodes: []\n")
    saved.remember_run(answers, "demo")
    home.chmod(0o777)
    assert Unsaved(answers).read() == "" and saved.last_run() is None
    before = Unsaved(answers).path.read_text()
    assert f"others may write to {home} (owner" in Unsaved(answers).keep("clusterName: more\n")
    assert Unsaved(answers).path.read_text() == before
