"""References, hidden values, and the redactor."""

import base64
import html
import json
import pickle
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from kinstall.engine.events import Outcome, OutputLine, RunStarted, StepFinished
from kinstall.errors import PreflightFailed, StepFailed, UsageError
from kinstall.findings import Finding, Severity
from kinstall.secrets import HIDDEN, Redactor, Secret, Secrets

CANARY = "canary/s3cret+\"ü'$x"


def test_a_secret_does_not_show_itself() -> None:
    """Not in repr, str, format or a pickle; only when asked."""
    secret = Secret(CANARY)
    for shown in (str(secret), repr(secret), f"{secret}", repr([secret]), repr({"a": secret})):
        assert "canary" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret.reveal() == CANARY
    assert secret == Secret(CANARY)
    assert secret != Secret("other")


def test_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment, a file (one line end is not part of it) and a question."""
    monkeypatch.setenv("KINSTALL_TEST_SECRET", CANARY)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "f").write_text(f"{CANARY}\n")
    (tmp_path / "dos").write_bytes(b" two words \r\n")
    secrets = Secrets(prompt=lambda text: f"typed for {text}")
    assert secrets.resolve("env:KINSTALL_TEST_SECRET").reveal() == CANARY
    assert secrets.resolve(f"file:{tmp_path}/f").reveal() == CANARY
    assert secrets.resolve("file:~/f").reveal() == CANARY
    assert secrets.resolve(f"file:{tmp_path}/dos").reveal() == " two words "
    assert secrets.resolve("prompt:").reveal() == "typed for Password"
    assert secrets.resolve("prompt:sudo on node 1").reveal() == "typed for sudo on node 1"


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("env:KINSTALL_NO_SUCH", "the environment variable KINSTALL_NO_SUCH, named"),
        ("file:/no/such", "cannot read /no/such: No such file or directory"),
        ("file:/", "cannot read /: Is a directory"),
        ("file:", "cannot read .: Is a directory"),
        ("file:/dev/null", "it is not a regular file"),
        ("file:/dev/zero", "it is not a regular file"),
        ("prompt:", "nothing was typed"),
        ("canary-password", "given by something that is not a reference"),
        ("vault:canary", "given by something that is not a reference"),
        ("", "given by something that is not a reference"),
    ],
)
def test_references_to_nothing(reference: str, sentence: str) -> None:
    """A sentence with a remedy; what may be the secret itself is not repeated."""
    with pytest.raises(UsageError, match=sentence) as caught:
        Secrets(prompt=lambda text: "").resolve(reference)
    assert caught.value.remedy
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("content", "sentence"), [(b"", "is empty"), (b"x" * 70_000, "too large"), (b"\xff", "UTF-8")])
def test_files_that_hold_no_secret(tmp_path: Path, content: bytes, sentence: str) -> None:
    """An empty file, one that is far too large, one that is not text: each is named, with the reference."""
    path = tmp_path / "password"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=sentence) as caught:
        Secrets().resolve(f"file:{path}")
    assert f"file:{path}" in caught.value.remedy


def test_no_terminal_to_ask_on() -> None:
    """Without a terminal a prompt is refused instead of waiting for ever."""
    with pytest.raises(UsageError, match="there is no terminal to ask"):
        Secrets().resolve("prompt:Password")


def test_a_question_is_asked_once() -> None:
    """Threads that need the same secret wait for one answer."""
    asked: list[str] = []

    def prompt(text: str) -> str:
        asked.append(text)
        time.sleep(0.05)
        return "answer"

    secrets = Secrets(prompt=prompt)
    threads = [threading.Thread(target=secrets.resolve, args=("prompt:P",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == ["P"]


def test_what_was_resolved_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every form in which programs repeat it."""
    monkeypatch.setenv("KINSTALL_TEST_SECRET", CANARY)
    secrets = Secrets()
    assert secrets.redactor.text(CANARY) == CANARY
    secrets.resolve("env:KINSTALL_TEST_SECRET")
    for form in (
        f"a {CANARY} b",
        json.dumps({"p": CANARY}),
        json.dumps({"p": CANARY}, ensure_ascii=False),
        base64.b64encode(CANARY.encode()).decode(),
        *(base64.b64encode(b"x" * n + CANARY.encode() + b"tail").decode() for n in range(4)),
        "https://u:canary%2Fs3cret%2B%22%C3%BC%27%24x@h/",
        repr([CANARY]),
        repr({"p": CANARY.encode()}),
        json.dumps({"out": json.dumps({"p": CANARY})}),
        json.dumps({"out": json.dumps({"p": CANARY}, ensure_ascii=False)}, ensure_ascii=False),
        f"<b>{html.escape(CANARY)}</b>",
        f"<b>{html.escape(CANARY, quote=False)}</b>",
        f"<b>{html.escape(CANARY).replace('&quot;', '&#34;').replace('&#x27;', '&#39;')}</b>",
    ):
        text = secrets.redactor.text(form)
        assert HIDDEN in text, form
        assert "canary" not in text and "s3cret" not in text


def test_lines_of_a_longer_secret(tmp_path: Path) -> None:
    """A key that is printed line by line is hidden line by line; its common first line is not."""
    redactor = Redactor()
    redactor.add("-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEHBG0w\n-----END KEY-----\n")
    assert redactor.text("  MIGHAgEAMBMGByqGSM49") == f"  {HIDDEN}"
    assert redactor.text("x AgEGCCqGSM49AwEHBG0w") == f"x {HIDDEN}"
    assert redactor.text("-----BEGIN KEY-----") == "-----BEGIN KEY-----"


def test_short_values_are_not_searched_for() -> None:
    """Else a password of one letter would take that letter out of everything."""
    redactor = Redactor()
    redactor.add("a")
    redactor.add("")
    assert redactor.text("a cat") == "a cat"


def test_events() -> None:
    """Each text of an event, also in tuples and mappings; what holds no secret is the same object."""
    redactor = Redactor()
    redactor.add("canary1")
    line = OutputLine("n1", "phase", "step", "x canary1 y")
    assert redactor.event(line) == OutputLine("n1", "phase", "step", f"x {HIDDEN} y")
    clean = StepFinished("n1", "p", "s", Outcome.OK, 1.0, "fine")
    assert redactor.event(clean) is clean
    run = RunStarted("r", "replay", "c", ("canary1", "b"), {"n": "canary1"}, 3)
    assert redactor.event(run) == RunStarted("r", "replay", "c", (HIDDEN, "b"), {"n": HIDDEN}, 3)
    failed = redactor.event(StepFinished("n1", "p", "s", Outcome.FAILED, 1.0, "canary1"))
    assert failed.outcome is Outcome.FAILED

    @dataclass(frozen=True, slots=True)
    class Nested:
        inner: OutputLine

    assert redactor.event(Nested(line)).inner.line == f"x {HIDDEN} y"


def test_a_sink_behind_the_redactor() -> None:
    """What was added later is hidden too."""
    got: list[object] = []
    redactor = Redactor()
    sink = redactor.sink(got.append)
    redactor.add("canary2")
    sink("it is canary2")
    assert got == [f"it is {HIDDEN}"]


def test_an_error() -> None:
    """Its text, its remedy and its findings, in place: whoever catches it shows it."""
    redactor = Redactor()
    redactor.add("canary3")
    findings = (Finding("n1", "root", Severity.ERROR, "sudo says canary3", "not canary3"),)
    error = PreflightFailed(findings, "preflight heard canary3")
    redactor.error(error)
    assert str(error) == f"preflight heard {HIDDEN}" and error.args == (str(error),)
    assert error.findings == (Finding("n1", "root", Severity.ERROR, f"sudo says {HIDDEN}", f"not {HIDDEN}"),)
    refused = StepFailed("n1", "said canary3", "type canary3")
    redactor.error(refused)
    assert "canary" not in str(refused) + repr(refused)
