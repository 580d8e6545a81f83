"""The unexpected: a handler that fails, text full of control characters. Neither costs work or steers the terminal."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from kinstall.errors import EXIT_INTERNAL, KinstallError
from kinstall.findings import Finding, Severity
from screens.app import WizardApp
from screens.background import Background
from screens.crash import Crash
from screens.draft.draft import Draft
from tests.screens.pretend import Pretend

NODES = "nodes: [{name: cp1, address: 10.90.0.11, role: control-plane}]\n"
HOSTILE = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\u202eabc [/] [bold]\x00"


def reports(home: Path) -> list[Path]:
    return sorted((home / "state/kinstall/.crashes").glob("*"))


@pytest.mark.parametrize("worker", [False, True], ids=["handler", "worker"])
async def test_an_unexpected_exception_keeps_the_answers(worker: bool, home: Path) -> None:
    """It ends the wizard with one sentence and code 70; the report has no words of it, the draft is offered again."""
    app = WizardApp(Draft.parse(NODES), Pretend())

    async def fails() -> None:
        secret = "hunter2"
        raise ValueError(secret)

    with pytest.raises(Crash) as caught:
        async with app.run_test() as pilot:
            await pilot.pause()
            app.draft.set(("clusterName",), "demo")
            if worker:
                app.run_worker(fails())
            else:
                app.call_later(fails)
            await pilot.pause(0.5)
    (report,) = reports(home)
    assert str(report) in str(caught.value) and "ValueError" in str(caught.value) and "kept" in str(caught.value)
    assert "hunter2" not in str(caught.value) and "hunter2" not in report.read_text().replace('secret = "hunter2"', "")
    assert report.stat().st_mode & 0o777 == 0o600 and "in fails" in report.read_text()
    assert app.crash is not None and app.crash.exit_code == EXIT_INTERNAL
    assert "clusterName: demo" in (home / "state/kinstall/.unsaved/new.yaml").read_text()


def test_a_job_that_fails_unexpectedly_ends_alone(home: Path) -> None:
    """Its error is a sentence with the report's place; the wizard goes on."""
    background, errors, ended = Background(), list[KinstallError](), threading.Event()

    def work(emit: Any, stop: threading.Event) -> None:
        try:
            raise KeyError("mode")
        finally:
            ended.set()

    job = background.start("plan", work, on_error=errors.append)
    while not job.ended:
        background.drain()
    (report,) = reports(home)
    assert str(report) in str(errors[0]) and "KeyError" in str(errors[0])


async def test_foreign_text_is_shown_as_text(home: Path) -> None:
    """Markup in a toast ends nothing; of an answer, a finding and a toast no control character reaches the screen."""
    text = NODES + f'clusterName: "{HOSTILE}"\n'.encode("unicode_escape").decode().replace("\\n", "\n")
    app = WizardApp(Draft.parse(text), Pretend())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.notify(HOSTILE, title=HOSTILE)
        await app.action_go("nodes")
        await pilot.pause()
        screen: Any = app.screen
        screen.probe.begin(screen.rows)
        screen.probe.add("cp1", [Finding("cp1", "swap", Severity.ERROR, HOSTILE, HOSTILE)])
        screen.show_draft()
        for step in ("nodes", "review", "images", "networking"):
            await app.action_go(step)
            await pilot.pause()
            painted = [segment for strip in app.screen._compositor.render_strips() for segment in strip]
            if step in ("nodes", "review"):
                assert "abc [/] [bold]" in "".join(segment.text for segment in painted)
            bad = [segment.text for segment in painted if not segment.control and not segment.text.isprintable()]
            assert bad == []
