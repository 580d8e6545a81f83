"""The step Review: everything leads back to its field, and the plan is seen before anything is touched."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import OptionList

from kinstall.errors import PreflightFailed, UsageError
from screens.app import WizardApp
from screens.dialogs.questions import AskPath, Page
from screens.draft.draft import Draft
from screens.review.screen import ReviewScreen
from tests.screens.pretend import FINDINGS, Pretend

ANSWERS = """
clusterName: demo
security: {extraSANs: [demo.example.org]}
nodes:
- {name: cp1, address: 10.90.0.11, role: control-plane}
- {name: w1, address: 10.90.0.12, role: worker}
"""


def wizard(text: str = ANSWERS, services: Pretend | None = None) -> WizardApp:
    return WizardApp(Draft.parse(text), services or Pretend())


async def opened(pilot: Pilot[int], app: WizardApp) -> ReviewScreen:
    await app.action_go("review")
    await pilot.pause()
    assert isinstance(app.step, ReviewScreen)
    return app.step


async def quiet(pilot: Pilot[int], app: WizardApp) -> None:
    """Until no job is under way."""
    await pilot.pause()
    for _ in range(100):
        await pilot.pause(0.05)
        if not app.background.jobs:
            break
    await pilot.pause()


def texts(screen: ReviewScreen) -> str:
    listed = screen.query_one(OptionList)
    return "\n".join(str(listed.get_option_at_index(index).prompt) for index in range(listed.option_count))


async def choose(pilot: Pilot[int], screen: ReviewScreen, part: str) -> None:
    """Put the cursor on the line that holds `part`, and press Enter."""
    listed = screen.query_one(OptionList)
    listed.focus()
    listed.highlighted = next(i for i, line in enumerate(texts(screen).split("\n")) if part in line)
    await pilot.press("enter")
    await pilot.pause()


async def test_every_line_leads_to_its_field() -> None:
    """Enter on a line puts the cursor into the field on its step, also where it is folded away."""
    app = wizard("components: {kubelet: {extraArgs: {v: '4'}}}" + ANSWERS)
    async with app.run_test() as pilot:
        for part, step, row in (
            ("Extra SANs", "security", "#field-security-extraSANs"),
            ("Kubelet extra args", "images", "#field-components-kubelet-extraArgs"),
        ):
            await choose(pilot, await opened(pilot, app), part)
            await pilot.pause(0.2)
            assert step == app.step.STEP
            assert app.focused is not None and app.focused in app.step.query_one(row).query("*")


async def test_problems_come_first_and_lead_to_their_fields() -> None:
    """The first line counts them; Enter goes there."""
    app = wizard(ANSWERS + "networking: {mtu: 5}\n")
    async with app.run_test() as pilot:
        screen = await opened(pilot, app)
        assert texts(screen).startswith("1 problem") and "networking.mtu: 5 is out of range" in texts(screen)
        await choose(pilot, screen, "✗ networking.mtu")
        assert app.step.STEP == "networking"


async def test_next_goes_to_what_is_wrong_instead_of_installing() -> None:
    """Nobody installs answers that a replay would refuse."""
    app = wizard(ANSWERS + "networking: {mtu: 5}\n")
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert app.step.STEP == "networking"


async def test_next_saves_first() -> None:
    """Install runs what the file says: answers that have none get one, and Esc stays."""
    app = wizard()
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+n")
        assert isinstance(app.screen, AskPath)
        await pilot.press("escape")
        assert app.step.STEP == "review"
        await pilot.press("ctrl+n", "enter")
        await pilot.pause()
        assert Path("demo.yaml").exists() and app.step.STEP == "install"


async def test_the_plan_is_seen_per_node_with_diffs() -> None:
    """Counts per node, its changes on Enter, a diff on Enter; secrets only as such; nothing has been touched."""
    app = wizard()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app)
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        shown = texts(screen)
        assert "cp1  1 change  1 create  1 restart" in shown and "w1   nothing to do" in shown
        assert "! w1: swap: swap is on" in shown and "Nothing has been changed yet" in shown
        await choose(pilot, screen, "▸ cp1")
        assert "create   file /etc/kubernetes/pki/ca.key   (a secret)" in texts(screen)
        await choose(pilot, screen, "file /etc/hosts")
        assert isinstance(app.screen, Page) and "+new" in app.screen.text


async def test_a_plan_of_other_answers_is_taken_away() -> None:
    """After a change the page does not show what would not happen."""
    app = wizard()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app)
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        app.draft.set(("clusterName",), "other")
        await pilot.pause()
        assert "have changed since" in texts(screen) and "▸ cp1" not in texts(screen)


async def test_what_preflight_refuses_is_listed() -> None:
    """An error of the plan is a sentence; findings lead to the nodes."""
    services = Pretend(failure=PreflightFailed(FINDINGS))
    app = wizard(services=services)
    async with app.run_test() as pilot:
        screen = await opened(pilot, app)
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        assert "! w1: swap" in texts(screen) and "preflight found errors" in texts(screen)
        services.failure = UsageError("no such thing", "do that")
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        assert "✗ no such thing; do that" in texts(screen)


async def test_the_plan_is_saved() -> None:
    """F3 writes it with its diffs."""
    app = wizard()
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        await pilot.press("f3", "enter")
        await pilot.pause()
        saved = Path("demo.plan.txt").read_text()
        assert "cp1: 1 change  1 create  1 restart" in saved and "+new" in saved
