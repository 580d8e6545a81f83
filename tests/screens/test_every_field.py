"""Every field of every step can have the focus: what a step does then must not depend on which step it is."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from kinstall.cluster import Node
from screens.app import WizardApp
from screens.dialogs.questions import Page
from screens.draft.draft import Draft
from screens.fields import SCREENS, FieldForm, FieldRow, placed_on
from screens.fields.placement import Placed, placed_in
from screens.step.base import StepScreen
from screens.step.order import NAMES
from tests.screens.pretend import Pretend

NODES = "nodes: [{name: cp1, address: 10.90.0.11, role: control-plane}]\n"


async def focused(pilot: Pilot[int], app: WizardApp, field: Placed) -> bool:
    """Whether the field's row gets the focus within some turns of the event loop."""
    for _ in range(20):
        await pilot.pause()
        row = next((each for each in app.screen.query(FieldRow) if each.path == field.path), None)
        if row is not None and row.asking.has_focus:
            return True
    return False


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("width", [80, 140])
async def test_every_field_of_a_step_can_have_the_focus(screen: str, width: int) -> None:
    """Also those below a folded heading, such as the login for all nodes; the help of each is then shown."""
    app = WizardApp(Draft.parse(NODES), Pretend())
    async with app.run_test(size=(width, 30)) as pilot:
        await pilot.pause()
        await app.action_go(screen)
        for field in placed_on(screen):
            assert app.step.go_to(field.written), field.written
            assert await focused(pilot, app, field), field.written
            await pilot.pause()
            assert app.about is not None and app.about.path == field.path
            shown = [str(each.render()) for each in app.step.query("#help, #about").results(Static) if each.display]
            assert any(field.key.help[1:] in text for text in shown), field.written


async def test_every_field_of_a_node_can_have_the_focus() -> None:
    """In the form of one node, which is no step of its own."""
    app = WizardApp(Draft.parse(NODES), Pretend())
    async with app.run_test() as pilot:
        await pilot.pause()
        await app.action_go("nodes")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        for field in placed_in(Node, ("nodes", 0), "nodes"):
            assert app.screen.query_one(FieldForm).go_to(field.written), field.written
            assert await focused(pilot, app, field), field.written


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("step", NAMES)
async def test_every_key_of_every_step_and_help_on_what_it_opens(step: str, size: tuple[int, int]) -> None:
    """None raises; F1 opens a page on the step and on every dialog that a key opens, and closes it again."""
    app = WizardApp(Draft.parse(NODES), Pretend())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await app.action_go(step)
        await pilot.pause()
        keys = [key for key, each in app.screen.active_bindings.items() if each.binding.show and key != "ctrl+q"]
        assert {"ctrl+s", "f1", "f2"} <= set(keys)
        for key in ["f1", *keys]:
            await pilot.press(key)
            await pilot.pause(0.05)
            if not isinstance(app.screen, StepScreen):
                below, opened = app.screen, isinstance(app.screen, Page)
                await pilot.press("f1")
                await pilot.pause()
                assert opened or isinstance(app.screen, Page), (key, below)
                if not opened:
                    await pilot.press("f1")
                    await pilot.pause()
                    assert app.screen is below, key
            for _ in range(3):
                if not isinstance(app.screen, StepScreen):
                    await pilot.press("escape")
                    await pilot.pause()
            assert isinstance(app.screen, StepScreen), key
            await app.action_go(step)
            await pilot.pause()
        assert app.crash is None
