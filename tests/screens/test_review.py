"""The step Review: everything leads back to its field, and the plan is seen before anything is touched."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import OptionList

from kinstall.errors import PreflightFailed, UsageError
from kinstall.findings import Finding, Severity
from screens.app import WizardApp
from screens.dialogs.questions import AskPath, Page
from screens.draft.draft import Draft
from screens.review.plan import Filter, why_none
from screens.review.plan import plan as plan_lines
from screens.review.screen import ReviewScreen
from tests.screens.pretend import CHANGES, FINDINGS, Pretend
from tests.screens.simulated import SimulatedServices
from tests.screens.test_install import said

ANSWERS = """
clusterName: demo
security: {extraSANs: [demo.example.org]}
nodes:
- {name: cp1, address: 10.90.0.11, role: control-plane}
- {name: w1, address: 10.90.0.12, role: worker}
"""


ERROR = Finding("cp1", "memory", Severity.ERROR, "0.5 GiB of memory", "at least 1.7 GiB are needed")


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
    async with app.run_test(size=(80, 18)) as pilot:
        screen = await opened(pilot, app)
        assert "the answers are valid" in said(app, "#plan-state")
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        assert said(app, "#plan-state") == "✓ plan: 1 to create, 1 to change, 1 unit to restart on 2 nodes ↓"
        assert screen.query_one(OptionList).scroll_offset.y > 0, "the plan is in view"
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
    services = Pretend(failure=PreflightFailed([*FINDINGS, ERROR]))
    app = wizard(services=services)
    async with app.run_test() as pilot:
        screen = await opened(pilot, app)
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        assert "! w1: swap" in texts(screen) and "✗ plan: 1 error on 1 node ↓" in said(app, "#plan-state")
        services.failure = UsageError("no such thing", "do that")
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        assert "✗ plan: no such thing; do that" in texts(screen)
        assert said(app, "#plan-state").startswith("✗ plan: no such thing")


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


async def test_every_row_of_the_plan_can_be_chosen_and_read(home: Path) -> None:
    """Down goes through every row of an opened node, at 80x24; Enter shows a file's content, a script, no secret."""
    services = SimulatedServices()
    services.trusted = True
    app = WizardApp(Draft.parse(ANSWERS), services)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        await choose(pilot, screen, "▸ cp1")
        listed = screen.query_one(OptionList)
        seen = []
        for _ in range(200):
            await pilot.press("down")
            number = screen._lines[listed.highlighted or 0].target
            if not number.startswith("change:"):
                break
            seen.append(int(number.removeprefix("change:")))
        mine = [number for number, change in enumerate(app.plan.changes) if change.node == "cp1"]
        assert seen == mine and len(seen) > 40
        await choose(pilot, screen, "file /etc/containerd/config.toml")
        assert isinstance(app.screen, Page) and "version = " in app.screen.text and "0644 root:root" in app.screen.text
        await pilot.press("escape")
        await choose(pilot, screen, "script ")
        assert isinstance(app.screen, Page) and "# what is run" in app.screen.text
        await pilot.press("escape")
        await choose(pilot, screen, "(a secret)")
        assert isinstance(app.screen, Page) and "sha256" in app.screen.text and "PRIVATE" not in app.screen.text


async def test_the_plan_is_searched_and_filtered() -> None:
    """/ finds parts of steps as one types, n and k choose a node and a kind; Esc ends all of it."""
    app = wizard()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app)
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        await pilot.press("slash", *"kubelet")
        await pilot.pause()
        assert "unit kubelet.service" in texts(screen) and "/etc/hosts" not in texts(screen)
        await pilot.press("enter", "escape", "k")
        await pilot.pause()
        assert (
            "kind: file" in texts(screen) and "/etc/hosts" in texts(screen) and "kubelet.service" not in texts(screen)
        )
        await pilot.press("k", "n", "n")
        await pilot.pause()
        assert "node: w1" in texts(screen) and "nothing of the plan is like that" in texts(screen)
        await pilot.press("escape")
        await pilot.pause()
        assert "▸ cp1" in texts(screen)


async def test_a_wide_terminal_shows_the_row_beside_the_list() -> None:
    """From 120 columns on the chosen change is read without a key."""
    app = wizard()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("ctrl+r")
        await quiet(pilot, app)
        await choose(pilot, screen, "▸ cp1")
        await pilot.press("down")
        await pilot.pause()
        assert "+new" in said(app, "#plan-detail-text") and screen.query_one("#plan-detail").display


def test_why_there_is_no_plan_in_one_line() -> None:
    """Untrusted hosts are counted as such; other errors are counted with their nodes."""
    keys = [Finding(node, "host-key", Severity.ERROR, "unknown") for node in ("a", "b")]
    assert why_none(PreflightFailed(keys)) == "2 hosts are not trusted"
    assert why_none(PreflightFailed([*keys, ERROR])) == "3 errors on 3 nodes"
    assert why_none(UsageError("no such thing")) == "no such thing"


def test_a_filter_takes_all_of_its_words() -> None:
    """In any order and case."""
    lines = plan_lines(CHANGES, ["cp1", "w1"], (), Filter(words="CA.key file"))
    assert [line.target for line in lines] == ["node:cp1", "change:1"]
