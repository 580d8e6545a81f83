"""The real services between the screens and the operations."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from kinstall.answers.load import parse
from kinstall.errors import StepFailed
from kinstall.findings import Finding, Severity
from kinstall.operations import options as operations_options
from kinstall.secrets import HIDDEN
from screens.services import RealServices

SPEC = parse("nodes: [{name: a, address: 192.0.2.11, role: control-plane}]")


def test_what_a_host_repeats_of_a_password_reaches_no_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in findings nor in the error that ends a call."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(operations_options, "open_session", lambda spec, state, secrets, parallel: secrets)

    def plan_only(spec: Any, options: Any) -> Any:
        options.session(spec).resolve("prompt:")
        if fails:
            raise StepFailed("a", "sudo says canary4", "do not type canary4")
        return [Finding("a", "root", Severity.ERROR, "sudo says canary4")], []

    monkeypatch.setattr("kinstall.operations.plan.plan_only", plan_only)
    fails = False
    findings, _ = RealServices().plan(SPEC, lambda item: None, threading.Event(), lambda text: "canary4")
    assert [each.message for each in findings] == [f"sudo says {HIDDEN}"]
    fails = True
    with pytest.raises(StepFailed) as caught:
        RealServices().plan(SPEC, lambda item: None, threading.Event(), lambda text: "canary4")
    assert "canary" not in str(caught.value) and HIDDEN in caught.value.remedy
