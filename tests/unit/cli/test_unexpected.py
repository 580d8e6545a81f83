"""An exception that no command expected: one sentence, a report that holds no secret, exit code 70."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest

from kinstall.cli import main as cli
from kinstall.errors import EXIT_INTERNAL
from kinstall.state import crash_report

SECRET = "hunter2"


def fails(chosen: argparse.Namespace) -> int:
    key = [SECRET][-1]
    print("\x1b]0;forged\x07before")
    try:
        raise KeyError(key)
    except KeyError as error:
        raise ValueError(f"{key} is not valid") from error


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(cli, "_command", lambda name: fails)
    return tmp_path / "kinstall" / ".crashes"


def test_one_sentence_and_a_report_without_secrets(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report has the lines that led there and what kinds of exceptions these were, but neither their words nor
    any variable; nobody else can read it. What the command printed before is harmless."""
    assert cli.main(["plan", "demo.yaml"]) == EXIT_INTERNAL == 70
    out, err = capsys.readouterr()
    (path,) = home.glob("*")
    assert out == "before\n" and "Traceback" not in err and str(path) in err and "ValueError" in err
    assert path.stat().st_mode & 0o777 == 0o600 and home.stat().st_mode & 0o777 == 0o700
    text = path.read_text()
    assert "builtins.ValueError" in text and "builtins.KeyError" in text and "in fails" in text and ", plan" in text
    assert SECRET not in text + err


def test_as_json_for_programs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --output json the error is a document, as every other error is."""
    assert cli.main(["plan", "demo.yaml", "--output", "json"]) == EXIT_INTERNAL
    error = json.loads(capsys.readouterr().err)
    assert error["error"] == "InternalError" and str(home) in error["remedy"]


def test_where_nothing_can_be_written_the_sentence_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not hide what happened."""
    home.parent.write_text("a file where the folder should be")
    error = crash_report.internal_error(ValueError(SECRET), "plan")
    assert "no report could be written" in error.remedy and SECRET not in str(error)


def test_nothing_is_written_where_others_could_change_it(home: Path, tmp_path: Path) -> None:
    """A report says how the program runs, and a file there could be a link by tomorrow: the sentence says why."""
    tmp_path.chmod(0o777)
    error = crash_report.internal_error(ValueError(), "plan")
    assert f"others may write to {tmp_path} " in error.remedy and not home.exists()


def test_the_newest_ten_are_kept(home: Path) -> None:
    """A loop of crashes does not fill the state home."""
    for _ in range(12):
        crash_report.internal_error(ValueError(), "plan")
    assert len(list(home.glob("*"))) == 10


def test_exceptions_that_caused_one_another_end(home: Path) -> None:
    """Also where each is the other's cause."""
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert crash_report.report(one, "plan").count("builtins.") == 2


def test_no_path_of_the_operators_is_in_it(home: Path) -> None:
    """Files are named from their package on."""
    try:
        cli.main(["--version"])
    except SystemExit as error:
        text = crash_report.report(error, "plan")
    assert "kinstall/cli/" in text and str(Path(cli.__file__).parents[2]) not in text and sys.prefix not in text
