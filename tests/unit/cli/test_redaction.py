"""A host that repeats a password: it is in nothing that a command prints, whatever the command and the format."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kinstall.cli import main
from kinstall.connectivity.results import Matrix
from kinstall.engine.diff import Action
from kinstall.engine.events import Outcome
from kinstall.engine.preview import PlannedChange
from kinstall.errors import PreflightFailed, StepFailed, UsageError
from kinstall.findings import Finding, Severity
from kinstall.operations import options as operations_options
from kinstall.secrets import HIDDEN
from kinstall.verify import CheckResult

CANARY = "canary-Pa55 w<o&r>d\"'"
TEXT = f"{'word ' * 12}sudo[1]: pam says {CANARY} {'word ' * 12}"
FINDING = Finding("a", "root", Severity.ERROR, TEXT, f"do not type {CANARY}")
ERRORS: dict[str, Callable[[], Exception | None]] = {
    "none": lambda: None,
    "step": lambda: StepFailed("a", TEXT, TEXT),
    "preflight": lambda: PreflightFailed([FINDING], TEXT),
    "usage": lambda: UsageError(TEXT),
    "system": lambda: OSError(5, TEXT),
}


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Answers whose session does nothing but resolve the password, as a login does."""
    monkeypatch.setenv("KINSTALL_CANARY", CANARY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "60")

    def session(spec: Any, state: Any, secrets: Any, parallel: int) -> Any:
        secrets.resolve("env:KINSTALL_CANARY")
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(operations_options, "open_session", session)
    path = tmp_path / "answers.yaml"
    path.write_text("clusterName: demo\nnodes: [{name: a, address: 192.0.2.11, role: control-plane}]\n")
    return str(path)


def returning(command: str, error: Exception | None) -> Callable[..., Any]:
    """What stands in for the operation behind a command: it logs in, then returns what the host said, or fails."""
    change = PlannedChange("a", "prepare", f"file /etc/{CANARY}", Action.CHANGE, TEXT, f"--- a\n+++ b\n+{CANARY}")
    results: dict[str, Any] = {
        "preflight": SimpleNamespace(findings=[FINDING], matrix=Matrix()),
        "plan": ([FINDING], [change]),
        "verify": [CheckResult("api-server", Outcome.FAILED, TEXT, 1.0, "a")],
        "reset": {"a": TEXT},
    }

    def operation(spec: Any, options: Any, *more: Any, **named: Any) -> Any:
        if command != "preflight":
            options.session(spec)
        print(TEXT, file=sys.stderr)
        if error:
            raise error
        return results[command]

    return operation


@pytest.mark.parametrize("output", ["text", "json", "terminal"])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    ("command", "operation"),
    [
        ("preflight", "kinstall.cli.preflight.ask_and_judge"),
        ("plan", "kinstall.cli.plan.plan_only"),
        ("verify", "kinstall.cli.verify.verify_only"),
        ("reset", "kinstall.cli.reset.reset_nodes"),
    ],
)
def test_it_is_nowhere(
    answers: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    operation: str,
    error: str,
    output: str,
) -> None:
    """Findings, diffs, checks, errors and what is printed in between, as tables of 60 columns, lines and JSON."""
    monkeypatch.setattr(operation, returning(command, ERRORS[error]()))
    if output == "terminal":  # where tables break their texts
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    words = [
        command,
        answers,
        "--output",
        output.replace("terminal", "text"),
        *(["--yes", "demo"] if command == "reset" else []),
    ]
    assert main.main(words) in (2, 3, 4, 6) or command == "plan"
    shown = "".join(capsys.readouterr())
    assert "canary" not in shown and "Pa55" not in shown
    assert HIDDEN in shown
