"""The step Images: releases out of the catalogue, and Check."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from screens.app import WizardApp
from screens.draft.draft import Draft
from screens.images.screen import known_releases
from tests.screens.pretend import Pretend

NODES = "nodes: [{name: a, address: 10.30.0.11, role: control-plane}]\n"


async def opened(pilot: Pilot[int], app: WizardApp) -> None:
    await app.action_go("images")
    await pilot.pause()


async def heard(pilot: Pilot[int], app: WizardApp) -> str:
    """What Check shows when its job has ended."""
    for _ in range(100):
        await pilot.pause(0.05)
        if not app.background.jobs:
            break
    await pilot.pause()
    return str(app.step.query_one("#check", Static).render())


async def test_the_newest_release_is_chosen_and_another_is_one_key_away() -> None:
    """New answers name the newest patch; Enter in the catalogue takes another, and what it brings stands beside."""
    app = WizardApp(Draft.new(), Pretend())
    async with app.run_test() as pilot:
        await opened(pilot, app)
        listed = app.step.query_one("#releases", OptionList)
        assert known_releases()[0] == app.draft.get(("kubernetesVersion",))
        listed.focus()
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.draft.get(("kubernetesVersion",)) == known_releases()[1]
        assert str(listed.get_option_at_index(1).prompt).startswith("●")
        hint = app.step.query_one("#field-images-etcd .hint", Static)
        assert str(hint.render()) == "3.6.14-0"


async def test_check_tells_of_each_thing_and_of_all() -> None:
    """There with size and checksum, missing with its reason, and what only nodes can reach as just that."""
    app = WizardApp(Draft.parse(NODES), Pretend())
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+r")
        text = await heard(pilot, app)
        assert "✓ kubelet" in text and "58 MB sha256 abababababab…" in text
        assert "✗ runc.amd64" in text and "answers 404" in text
        assert "? pause:3.10.2" in text and "only the nodes can check" in text
        assert "1 of 3 available" in text


async def test_check_wants_answers_that_can_be_read() -> None:
    """What is wrong is shown first, and nothing is asked."""
    services = Pretend()
    app = WizardApp(Draft.parse("kubernetesVersion: 1.20.0\n" + NODES, Path("x.yaml")), services)
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+r")
        assert "first fix" in await heard(pilot, app) and services.asked == []
