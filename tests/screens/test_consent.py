"""Nothing runs unasked: what the keys that lead through the steps can never do, and what the question says."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input, OptionList

from kinstall.errors import HostKeyUnknown
from kinstall.findings import Finding, Severity
from kinstall.transport.host_keys import HostKey, HostKeys
from kinstall.transport.target import SshTarget
from screens.app import WizardApp
from screens.dialogs.questions import AskPath
from screens.draft.draft import Draft
from screens.install.begin import Begin
from screens.install.run import Stage
from screens.nodes.machines import Machines
from screens.nodes.trust import TrustKeys
from screens.services import advised
from tests.screens.simulated import ANSWERS, NODES, SimulatedServices, wizard
from tests.screens.test_install import asked, question, said, top, until


def typed(app: WizardApp, *keys: str) -> None:
    """Keys that the terminal hands over faster than anything is shown."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


def touched(services: SimulatedServices) -> bool:
    """Whether any step was done on any host."""
    return any(disk.record for disk in services.world.disks.values())


async def test_leafing_through_all_steps_starts_nothing(home: Path) -> None:
    """^N held down ends on Done; no host was asked or touched."""
    services = SimulatedServices()
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        typed(app, *["ctrl+n"] * 40)
        await until(pilot, lambda: app.step.STEP == "done")
        assert app.run_of_nodes.stage is Stage.IDLE and not touched(services)


async def test_the_question_says_what_will_happen_and_no_has_the_focus(home: Path) -> None:
    """Release, machines and counts come from a plan that is made for it; Enter goes back to the plan."""
    services = SimulatedServices()
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await asked(app, pilot)
        assert shown.text.startswith(f"Install Kubernetes {app.draft.spec.kubernetes_version} on 3 machines, as root?")
        creates = sum(change.action.value == "create" for change in app.plan.changes)
        assert creates > 30 and f"{creates} to create" in shown.text and "kinstall reset" in shown.text
        await pilot.press("enter")
        await until(pilot, lambda: app.step.STEP == "review" and app.screen is app.step)
        assert app.run_of_nodes.stage is Stage.IDLE and not touched(services)
        await asked(app, pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert app.step.STEP == "install" and app.run_of_nodes.stage is Stage.IDLE


@pytest.mark.parametrize("key", ["b", "enter", "R", "ctrl+n"])
async def test_a_key_held_down_does_not_answer_the_question(home: Path, key: str) -> None:
    """What was pressed before the question was there, or in the moment in which it appeared, begins nothing."""
    services = SimulatedServices()
    services.trusted = True
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("install")
        await pilot.pause()
        await pilot.press("b")
        for _ in range(2000):
            typed(app, key)
            await pilot.pause(0.002)
            if isinstance(top(app), Begin):
                break
        typed(app, *[key] * 5)
        await pilot.pause()
        assert isinstance(top(app), Begin) and app.run_of_nodes.stage is Stage.IDLE and not touched(services)


async def test_keys_typed_ahead_reach_the_screen_that_they_were_meant_for(home: Path) -> None:
    """^N ^N ^N p at once opens Paste on Nodes, and types into no field of the steps before."""
    app = WizardApp(Draft.new(), SimulatedServices())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        typed(app, "ctrl+n", "ctrl+n", "ctrl+n", "p", "x")
        await until(pilot, lambda: isinstance(top(app), Machines))
        assert app.draft.data == Draft.new().data
        assert top(app).query_one("#pasted").text == ""


async def test_keys_typed_ahead_name_no_file(home: Path) -> None:
    """Review saves before Install: what follows ^N at once is not the name of the file."""
    app = WizardApp(Draft.parse(ANSWERS), SimulatedServices())
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("review")
        await pilot.pause()
        typed(app, "ctrl+n", "p", "enter", "enter")
        await until(pilot, lambda: isinstance(top(app), AskPath))
        await pilot.pause()
        assert isinstance(top(app), AskPath) and top(app).query_one(Input).value == "demo.yaml"
        assert list(home.glob("*.yaml")) == []


async def test_a_failed_run_is_repeated_by_r_only(home: Path) -> None:
    """^N leads on to Done, b is not offered; r repeats without another question, the answers being the same."""
    services = SimulatedServices("w2:disk-full@download")
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(app, pilot)
        await pilot.press("b")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.FAILED)
        model = app.run_of_nodes.model
        await pilot.press("b", "ctrl+n")
        await pilot.pause()
        assert app.step.STEP == "done" and app.run_of_nodes.model is model
        await pilot.press("ctrl+p")
        services.fail()
        await pilot.press("r")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.DONE)


async def test_a_failed_run_of_other_answers_asks_again(home: Path) -> None:
    """Consent was to what the answers were."""
    services = SimulatedServices("w2:disk-full@download")
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(app, pilot)
        await pilot.press("b")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.FAILED)
        app.draft.set(("nodes", 1, "labels"), {"zone": "a"})
        await pilot.press("r")
        await question(app, pilot)
        assert app.run_of_nodes.stage is Stage.FAILED


async def test_a_rehearsal_touches_no_host(home: Path) -> None:
    """The same screen on simulated hosts of its own; afterwards b asks for the real run, and nothing is kept."""
    services = SimulatedServices()
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(app, pilot)
        await pilot.press("R")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.DONE)
        assert "no host was touched" in said(app, "#overall") and not touched(services)
        assert not app.run_of_nodes.has_cluster and [*app.run_of_nodes.model.progress.nodes][:3] == [*NODES]
        await pilot.press("b")
        await question(app, pilot)


async def test_begin_can_be_chosen_without_its_key(home: Path) -> None:
    """↓ Enter, as in every other question."""
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await asked(app, pilot)
        assert shown.query_one(OptionList).highlighted == 0
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.DONE)


async def test_unknown_host_keys_open_the_trust_page_from_install(home: Path) -> None:
    """No dead end, and no command line: the keys are shown, and with them the way to the question is free."""
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("install")
        await pilot.pause()
        await pilot.press("b")
        await until(pilot, lambda: isinstance(top(app), TrustKeys))
        await pilot.press("a", "enter")
        await question(app, pilot)
        assert all("hostKey" in row for row in app.draft.get(("nodes",))) and not app.draft.dirty


def test_advice_names_no_command_with_a_placeholder(home: Path) -> None:
    """What ssh says of an unknown host leads to `kinstall trust` on the command line, and not in the wizard."""
    target = SshTarget(host="192.0.2.1")
    with pytest.raises(HostKeyUnknown) as caught:
        HostKeys(home / "known_hosts").check("w1", target, HostKey("ssh-ed25519", b"x"))
    assert "ANSWERS" in caught.value.remedy
    finding = Finding("w1", "host-key", Severity.ERROR, caught.value.what, caught.value.remedy)
    assert "ANSWERS" not in advised([finding])[0].remedy and "trust it here" in advised([finding])[0].remedy


async def test_r_after_a_refusal_asks_as_b_did(home: Path) -> None:
    """Preflight ended it before the question: nobody has said Begin yet."""
    services = SimulatedServices("w1:unreachable")
    services.trusted = True
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("install")
        await pilot.pause()
        await pilot.press("b")
        await until(pilot, lambda: app.run_of_nodes.stage is Stage.FAILED)
        services.fail()
        await pilot.press("r")
        await question(app, pilot)
        assert not touched(services)
