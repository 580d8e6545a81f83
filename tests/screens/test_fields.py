"""Rows of fields: what keys and the mouse do, what follows beside them, and what is said under them."""

from __future__ import annotations

import pytest
from textual.filter import NoColor
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from screens.app import WizardApp
from screens.draft.draft import Draft
from screens.fields import Choice, FieldRow, placed_on
from screens.fields.form import Group
from tests.screens.pretend import Pretend

NODES = "nodes: [{name: cp1, address: 10.90.0.11, role: control-plane}]\n"


def wizard(text: str = NODES) -> WizardApp:
    return WizardApp(Draft.parse(text), Pretend())


def row(app: WizardApp, name: str) -> FieldRow:
    return app.step.query_one(f"#field-{name}", FieldRow)


def told(of: FieldRow, what: str) -> str:
    """The row's hint, or what is wrong with it."""
    return str(of.query_one(f".{what}", Static).render())


async def at(pilot: Pilot[int], app: WizardApp, step: str, name: str) -> FieldRow:
    """The focused row of a field."""
    await pilot.pause()
    await app.action_go(step)
    await pilot.pause()
    for field in placed_on(step):
        if "-".join(map(str, field.path)) == name:
            assert app.step.go_to(field.written)  # opens what it is folded under
    await app.workers.wait_for_complete()
    await pilot.pause(0.1)
    found = row(app, name)
    assert found.asking.has_focus
    return found


async def test_a_choice_is_made_by_arrows_and_by_the_mouse() -> None:
    """What is chosen is marked by a character; both ways say it in the answers."""
    app = wizard()
    async with app.run_test() as pilot:
        found = await at(pilot, app, "networking", "networking-proxyMode")
        await pilot.press("right")
        assert app.draft.get(("networking", "proxyMode")) == "iptables"
        assert "○ nftables   ● iptables" in str(found.query_one(Choice).render())
        await pilot.click(found.query_one(Choice), offset=(3, 0))
        assert app.draft.get(("networking", "proxyMode")) is None


async def test_consequences_and_complaints_come_while_typing() -> None:
    """Each key is judged: what follows stands beside the field, what is wrong under it."""
    app = wizard()
    async with app.run_test() as pilot:
        found = await at(pilot, app, "networking", "networking-podSubnet")
        assert told(found, "hint") == "256 nodes, 253 pods on each"
        await pilot.press("end", "backspace", "8")
        await pilot.pause()
        assert "64 nodes" in told(found, "hint") and not found.query_one(".wrong").display
        await pilot.press("backspace")
        await pilot.pause()
        assert found.query_one(".wrong").display and "/1" in told(found, "wrong")


async def test_an_emptied_field_is_left_out_and_shows_its_default() -> None:
    """Nobody has to know a default to get back to it."""
    app = wizard("networking: {dnsDomain: k8s}\n" + NODES)
    async with app.run_test() as pilot:
        found = await at(pilot, app, "networking", "networking-dnsDomain")
        await pilot.press("end", *["backspace"] * 3)
        await pilot.pause()
        assert not app.draft.has(("networking", "dnsDomain"))
        assert found.query_one(Input).placeholder == "cluster.local"


async def test_enter_and_arrows_go_from_field_to_field() -> None:
    """The whole form without Tab or a mouse."""
    app = wizard()
    async with app.run_test() as pilot:
        await at(pilot, app, "networking", "networking-podSubnet")
        await pilot.press("enter")
        assert app.focused is row(app, "networking-nodeCIDRMaskSize").asking
        await pilot.press("up", "up")
        assert app.focused is row(app, "controlPlaneEndpoint").asking


async def test_enter_accepts_a_number_as_text() -> None:
    """A file says clusterName: 7, which is no text: Enter on the shown 7 makes it one."""
    app = wizard("clusterName: 7\n" + NODES)
    async with app.run_test() as pilot:
        await at(pilot, app, "networking", "clusterName")
        assert app.draft.problems
        await pilot.press("enter")
        await pilot.pause()
        assert app.draft.get(("clusterName",)) == "7" and not app.draft.problems


async def test_lines_that_cannot_be_read_are_kept_and_explained() -> None:
    """Half a line is no mapping yet: it stays, with a sentence, and becomes one."""
    app = wizard()
    async with app.run_test() as pilot:
        await pilot.pause()
        await app.action_go("images")
        await pilot.pause()
        assert app.step.go_to("downloads.sha256")
        await app.workers.wait_for_complete()
        await pilot.pause(0.2)
        found = row(app, "downloads-sha256")
        await pilot.press(*"kubelet")
        await pilot.pause()
        assert app.draft.get(("downloads", "sha256")) == "kubelet" and "colon" in told(found, "wrong")
        await pilot.press(":", "space", *"ab" * 32)
        await pilot.pause()
        assert app.draft.get(("downloads", "sha256")) == {"kubelet": "ab" * 32}
        assert not found.query_one(".wrong").display and found.query_one(TextArea).text.startswith("kubelet: ab")


async def test_what_is_folded_away_says_how_much_is_wrong_in_it() -> None:
    """A heading counts; opening it shows the rows with their complaints."""
    app = wizard("downloads: {runcVersion: v1, sha256: {kubelet: abc}}\n" + NODES)
    async with app.run_test() as pilot:
        await pilot.pause()
        await app.action_go("images")
        await pilot.pause()
        group = next(group for group in app.step.query(Group) if group.heading == "Release files")
        assert group.title == "Release files  ✗ 2 wrong" and not group.query(FieldRow)
        group.collapsed = False
        await pilot.pause(0.2)
        assert "write three numbers" in told(row(app, "downloads-runcVersion"), "wrong")


@pytest.mark.parametrize("said", ["1", ""])
async def test_no_color_leaves_the_terminal_its_own(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """NO_COLOR, with whatever value: no colour is set at all, so that text is as readable as the terminal's own."""
    monkeypatch.setenv("NO_COLOR", said)
    app = wizard()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert any(isinstance(each, NoColor) for each in app._filters)
        assert app.native_ansi_color
