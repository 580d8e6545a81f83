"""The mouse alone: every place that keys lead to can be clicked on, and left by a click."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from screens.dialogs.all_answers import AllAnswers
from screens.dialogs.questions import AskPath, Page, Question
from screens.nodes.form import NodeForm
from screens.nodes.machines import Machines
from tests.screens.simulated import SimulatedServices, wizard

SIZE = (120, 40)


async def click_on(pilot: Pilot[int], text: str) -> None:
    """Click on the first place of the screen that shows `text` (a pattern)."""
    for _ in range(100):
        for y, strip in enumerate(pilot.app.screen._compositor.render_strips()):
            if found := re.search(text, strip.text):
                await pilot.click(offset=(found.start(), y))
                await pilot.pause(0.1)
                return
        await pilot.pause(0.05)
    raise AssertionError(f"{text!r} is not on the screen")


async def shown(pilot: Pilot[int], kind: type) -> None:
    async with asyncio.timeout(10):
        while not isinstance(pilot.app.screen, kind):
            await pilot.pause(0.05)


async def test_from_the_first_step_to_a_run(tmp_path: Path) -> None:
    """Steps in the header, keys in the footer, choices, sections, rows, dialogs and their keys."""
    services = SimulatedServices()
    services.trusted = True
    app = wizard(tmp_path, services)
    async with app.run_test(size=SIZE) as pilot:
        await click_on(pilot, "Security")
        await click_on(pilot, "○ rsa")
        assert app.draft.get(("security", "keyType")) == "rsa"
        await click_on(pilot, r"\^n Next")
        await click_on(pilot, "▶ Release files")
        await click_on(pilot, "Server tarball")
        assert isinstance(app.focused, Input) and app.focused.region.height == 1
        await click_on(pilot, "f1 Help")
        await shown(pilot, Page)
        await click_on(pilot, "Esc go back")
        await click_on(pilot, "f2 YAML")
        await shown(pilot, AllAnswers)
        await click_on(pilot, "Esc keep changes")
        await click_on(pilot, "Nodes")
        await click_on(pilot, "w1 ")
        await click_on(pilot, "d Duplicate")
        assert [row["name"] for row in app.draft.get(("nodes",))] == ["cp1", "w1", "w3", "w2"]
        await click_on(pilot, "Del Remove")
        assert [row["name"] for row in app.draft.get(("nodes",))] == ["cp1", "w1", "w2"]
        await click_on(pilot, "Enter Edit")
        await shown(pilot, NodeForm)
        await click_on(pilot, "Esc back to the table")
        await click_on(pilot, "p Paste")
        await shown(pilot, Machines)
        await click_on(pilot, "Esc go back")
        await click_on(pilot, "Review")
        await click_on(pilot, r"\^q Quit")
        await shown(pilot, Question)
        await click_on(pilot, "Esc go back")
        await click_on(pilot, "Cluster name")
        await click_on(pilot, r"\^s Save")
        if isinstance(app.screen, AskPath):
            await click_on(pilot, "Enter save")
        await click_on(pilot, "Install")
        await click_on(pilot, "b Begin")
        await click_on(pilot, "b  Begin")
        await click_on(pilot, r"\^N continues")
