"""The step Install: a run from its first to its last event, failures, stopping, quitting, and going on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, Static

from kinstall.answers.load import load
from kinstall.operations.options import options_for
from kinstall.operations.plan import plan_only
from screens.app import WizardApp
from screens.dialogs.questions import Question
from screens.dialogs.secrets import AskSecrets
from screens.draft.draft import Draft
from screens.install.begin import Begin
from screens.install.log_view import LogView
from screens.install.run import Stage
from screens.install.screen import InstallScreen
from screens.install.table import NodeTable
from tests.screens.simulated import ANSWERS, SimulatedServices, wizard


async def until(pilot: Pilot[int], condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for something that a thread brings about."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            await pilot.pause()
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not so after {seconds} s")


def said(app: WizardApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


def top(app: WizardApp) -> Any:
    """The screen that is shown, whichever."""
    return app.screen


async def asked(app: WizardApp, pilot: Pilot[int]) -> Begin:
    """Install, and its question: on hosts that are known."""
    services = app.services
    assert isinstance(services, SimulatedServices)
    services.trusted = True
    await app.action_go("install")
    await pilot.pause()
    await pilot.press("b")
    return await question(app, pilot)


async def question(app: WizardApp, pilot: Pilot[int]) -> Begin:
    """The question, once it takes keys."""
    await until(pilot, lambda: isinstance(top(app), Begin) and Message().time > top(app).ready)
    found: Begin = top(app)
    return found


async def begun(app: WizardApp, pilot: Pilot[int]) -> None:
    """A run: b asks, b begins."""
    await asked(app, pilot)
    await pilot.press("b")
    await until(pilot, lambda: app.run_of_nodes.stage is not Stage.IDLE)


async def test_a_run_brings_up_a_cluster_and_next_leads_to_done(home: Path) -> None:
    """Before it nothing is touched; at its end every node has its row, the file can be replayed."""
    services = SimulatedServices()
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("install")
        await pilot.pause()
        assert "Nothing has been changed yet" in said(app, "#overall") and not services.world.disks
        await begun(app, pilot)
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.DONE)
        progress = app.run_of_nodes.model.progress
        assert [name for name in progress.nodes if name] == ["cp1", "w1", "w2"] and progress.fraction == 1.0
        assert app.screen.query_one(NodeTable).row_count == 4  # and the cluster, which was verified
        assert "done: " in said(app, "#overall") and not app.screen.query_one("#trouble").display
        await pilot.press("ctrl+n")
        assert app.step.STEP == "done"
    spec = load(home / "demo.yaml")
    options = replace(options_for(spec), session=services.world.session)
    assert plan_only(spec, options)[1] == [], "a replay of the file has nothing left to do"


async def test_a_failed_node_says_why_and_retry_goes_on_from_there(home: Path) -> None:
    """The cause stands below the log of the node that failed; the same run again does only what is left."""
    services = SimulatedServices("w2:disk-full@download")
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(app, pilot)
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.FAILED)
        table = app.screen.query_one(NodeTable)
        assert table.chosen == "w2" and "failed" in said(app, "#overall")
        assert "w2 ✗" in said(app, "#trouble-heading")
        assert "the disk is full; make room" in said(app, "#trouble-text")
        await pilot.press("y")
        assert "w2 ✗ download" in app.clipboard and "the disk is full; make room" in app.clipboard
        before = app.run_of_nodes.model.progress.finished
        services.fail()
        await pilot.press("r")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.DONE)
        after = app.run_of_nodes.model.progress.finished
        assert before and after and after.ok > before.changed > 0 and after.failed == 0
        assert not app.screen.query_one("#trouble").display


async def test_what_preflight_refuses_is_told_before_anything_is_changed(home: Path) -> None:
    """A node that cannot be reached: its finding with its remedy, and no step on any node."""
    services = SimulatedServices("w1:unreachable")
    services.trusted = True
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("install")
        await pilot.pause()
        await pilot.press("b")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.FAILED)
        assert "nothing was changed" in said(app, "#trouble-heading")
        text = said(app, "#trouble-text")
        assert "✗ w1: ssh: " in text and "check the address" in text
        assert app.run_of_nodes.model.progress.done == 0
        table = app.screen.query_one(NodeTable)
        assert [str(table.get_row_at(row)[0]) for row in range(3)] == ["·", "✗", "·"], "the row says which"
        await pilot.pause(0.2)
        assert app.screen.query_one("#trouble").size.height > 8 and not app.screen.query_one("#log").display


async def test_stop_ends_at_a_step_and_the_same_run_continues(home: Path) -> None:
    """s stops; what was done stays done; r goes on and ends well."""
    services = SimulatedServices(pace=0.3)
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(app, pilot)
        await until(pilot, lambda: app.run_of_nodes.model.progress.done > 2)
        await pilot.press("s")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.STOPPED)
        assert "nothing is lost" in said(app, "#overall")
        assert any(disk.record for disk in services.world.disks.values())
        services.world.pace = 0.0
        await pilot.press("r")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.DONE)
        assert app.run_of_nodes.report and app.run_of_nodes.report.result.ok > 0


async def test_control_c_asks(home: Path) -> None:
    """Letting it run changes nothing; choosing to stop stops it."""
    services = SimulatedServices(pace=0.3)
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(app, pilot)
        await until(pilot, lambda: app.run_of_nodes.model.progress.done > 0)
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert isinstance(top(app), Question)
        await pilot.press("enter")
        await pilot.pause()
        assert app.run_of_nodes.stage is Stage.RUNNING
        await pilot.press("ctrl+c")
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.STOPPED)


@pytest.mark.parametrize("anew", [False, True])
async def test_quitting_during_a_run_asks_and_a_new_wizard_goes_on(home: Path, anew: bool) -> None:
    """Stay stays; Leave ends the program at once. The next one, with or without the file's name, offers to go on."""
    services = SimulatedServices(pace=0.3)
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(app, pilot)
        await until(pilot, lambda: app.run_of_nodes.model.progress.done > 2)
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert isinstance(top(app), Question) and "in progress" in top(app).text
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(top(app), InstallScreen) and app.run_of_nodes.under_way
        await pilot.press("ctrl+q")
        await pilot.pause()
        await pilot.press("down", "enter")
        await pilot.pause()
    assert app.return_value == 0
    services.world.pace = 0.0
    again = WizardApp(Draft.new() if anew else Draft.load(home / "demo.yaml"), services)
    async with again.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(top(again), Question))
        assert re.search("was (interrupted|stopped)", top(again).text)
        await pilot.press("enter")
        await until(pilot, lambda: again.step.STEP == "install" and "continues" in said(again, "#overall"))
        assert said(again, "#overall").startswith("b continues: the run of demo started "), "80 columns cut the end off"
        await begun(again, pilot)
        await until(pilot, lambda: again.run_of_nodes.stage is Stage.DONE)


async def test_next_does_not_begin_what_is_under_way(home: Path) -> None:
    """One run at a time: Next, Retry and Back leave it alone."""
    services = SimulatedServices(pace=0.3)
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(app, pilot)
        await until(pilot, lambda: app.run_of_nodes.model.progress.done > 0)
        model = app.run_of_nodes.model
        await pilot.press("ctrl+n", "b", "r", "ctrl+p")
        assert app.step.STEP == "review" and app.run_of_nodes.model is model and app.run_of_nodes.under_way
        await pilot.press("ctrl+n", "s")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.STOPPED)


async def test_answers_with_problems_are_not_run(home: Path) -> None:
    """The screen says so, and no run begins."""
    app = wizard(home, text=ANSWERS.replace("10.90.0.13", "10.90.0.12"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("escape")  # it opened on the field
        await app.action_go("install")
        await pilot.pause()
        await pilot.press("b")
        await pilot.pause()
        assert app.run_of_nodes.stage is Stage.IDLE
        assert "1 problem" in said(app, "#overall")


async def test_a_secret_to_be_typed_is_asked_before_the_run_and_kept_nowhere(home: Path) -> None:
    """Esc begins nothing; what was typed is neither in the answers nor in any file of the state folder."""
    services = SimulatedServices()
    services.trusted = True
    app = wizard(home, services, ANSWERS + "ssh:\n  password: 'prompt:'\n")
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("install")
        await pilot.pause()
        await pilot.press("b")
        await until(pilot, lambda: isinstance(top(app), AskSecrets))
        assert top(app).query_one(Input).password
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(top(app), InstallScreen))
        assert app.run_of_nodes.stage is Stage.IDLE
        await pilot.press("b")
        await until(pilot, lambda: isinstance(top(app), AskSecrets))
        await pilot.press("enter")
        assert isinstance(top(app), AskSecrets), "nothing was typed"
        await pilot.press(*"hunter2secret", "enter")
        await question(app, pilot)
        await pilot.press("b")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.DONE)
        assert "hunter2secret" not in app.draft.text()
    written = [path for path in home.rglob("*") if path.is_file()]
    assert len(written) > 5
    assert [path for path in written if b"hunter2secret" in path.read_bytes()] == []


async def test_the_log_follows_until_somebody_reads_and_can_be_searched(home: Path) -> None:
    """Scrolling up holds it; a search goes to a line that holds the words; f follows again."""
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(app, pilot)
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.DONE)
        view = app.screen.query_one(LogView)
        assert (view.follow, view.scroll_offset.y) == (True, view.max_scroll_y) and view.max_scroll_y > 0
        view.focus()
        await pilot.press("home")
        await pilot.pause()
        assert (view.follow, view.scroll_offset.y) == (False, 0)
        await pilot.pause(0.2)
        assert "following" not in said(app, "#log-heading")
        await pilot.press("slash", *"SYSTEMD-RESOLVED", "enter")
        assert isinstance(app.focused, Input), "what is nowhere is said, and can be mended"
        app.focused.value = "Kubelet"
        await pilot.press("enter")
        await pilot.pause()
        assert view.has_focus and view.matches > 1
        lines = app.run_of_nodes.model.lines_of("cp1")
        first = view._at
        assert first is not None and "kubelet" in lines[first].lower()
        await pilot.press("n")
        assert view._at is not None and view._at != first and "kubelet" in lines[view._at].lower()
        await pilot.press("f")
        await pilot.pause(0.2)
        assert (view.follow, view.scroll_offset.y) == (True, view.max_scroll_y)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 15)])
async def test_choosing_a_node_shows_its_log(home: Path, size: tuple[int, int]) -> None:
    """At any size each node can be reached, and its own lines are shown."""
    app = wizard(home)
    async with app.run_test(size=size) as pilot:
        await begun(app, pilot)
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.DONE)
        table = app.screen.query_one(NodeTable)
        table.focus()
        for name in ("w1", "w2"):
            await pilot.press("down")
            await pilot.pause(0.2)
            assert table.chosen == name and f"─ {name} · log" in said(app, "#log-heading")
