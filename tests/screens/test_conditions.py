"""Fields that apply only with a choice: there with it, gone without it, and nothing of them is saved then."""

from __future__ import annotations

from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.app import WizardApp
from screens.draft.draft import Draft
from screens.fields import Choice, FieldRow
from tests.screens.pretend import Pretend

NODES = (
    "nodes: [{name: cp1, address: 10.90.0.11, role: control-plane}, {name: w1, address: 10.90.0.12, role: worker}]\n"
)


def row(app: WizardApp, name: str) -> FieldRow:
    return app.screen.query_one(f"#field-{name}", FieldRow)


def shown(of: FieldRow) -> bool:
    return bool(of.display)


async def on(pilot: Pilot[int], app: WizardApp, step: str) -> None:
    await pilot.pause()
    await app.action_go(step)
    await pilot.pause()


async def test_fields_come_with_their_choice_and_go_with_it() -> None:
    """What was typed is kept beside the answers meanwhile, which the choice says; it is back with the choice."""
    app = WizardApp(Draft.parse(NODES), Pretend())
    async with app.run_test() as pilot:
        await on(pilot, app, "security")
        networks, mode = row(app, "security-trustedNetworks"), row(app, "security-mode")
        assert not shown(networks)
        mode.query_one(Choice).choose("http")
        await pilot.pause()
        assert shown(networks)
        networks.query_one(Input).value = "192.0.2.0/24"
        await pilot.pause()
        mode.query_one(Choice).choose("https")
        await pilot.pause()
        assert not shown(networks) and app.draft.data == Draft.parse(NODES).data and "192.0.2" not in app.draft.text()
        assert "Trusted networks" in str(mode.query_one(".aside", Static).render())
        mode.query_one(Choice).choose("http")
        await pilot.pause()
        assert app.draft.get(("security", "trustedNetworks")) == ["192.0.2.0/24"] and shown(networks)


async def test_what_a_file_gives_without_effect_stays_in_sight() -> None:
    """It is the operator's own: shown with what is wrong about it, not taken away."""
    app = WizardApp(Draft.parse("networking: {podNetworkManifest: /srv/cni.yaml}\n" + NODES), Pretend())
    async with app.run_test() as pilot:
        await on(pilot, app, "networking")
        found = row(app, "networking-podNetworkManifest")
        assert shown(found) and "no effect with podNetwork routed" in str(found.query_one(".wrong", Static).render())
        found.query_one(Input).value = ""
        await pilot.pause()
        assert not shown(found) or found.asking.has_focus


async def test_a_worker_has_no_settings_of_a_control_plane() -> None:
    """The form of a node: only what runs there; another role sets aside what the old one was given."""
    draft = Draft.parse(NODES)
    draft.set(("nodes", 0, "components", "etcd", "extraArgs"), {"v": "2"})
    app = WizardApp(draft, Pretend())
    async with app.run_test() as pilot:
        await on(pilot, app, "nodes")
        await pilot.press("enter")
        await pilot.pause(0.2)
        etcd = row(app, "nodes-0-components-etcd-extraArgs")
        assert shown(etcd) and shown(row(app, "nodes-0-components-kubelet-extraArgs"))
        row(app, "nodes-0-role").query_one(Choice).choose("worker")
        await pilot.pause(0.2)
        assert not shown(etcd) and not app.draft.has(("nodes", 0, "components"))
        assert shown(row(app, "nodes-0-components-kubelet-extraArgs"))
        app.draft.set(("nodes",), app.draft.get(("nodes",)))  # rows may have moved: nothing comes back to another node
        assert app.draft.aside == {}


async def test_each_value_of_a_choice_that_matters_has_its_line() -> None:
    """Below each other in a panel at 80 columns, whole; the chosen one is marked by a character."""
    app = WizardApp(Draft.parse(NODES), Pretend())
    async with app.run_test(size=(80, 24)) as pilot:
        await on(pilot, app, "networking")
        found = row(app, "networking-podNetwork").query_one(Choice)
        lines = str(found.render()).splitlines()
        assert [line.split()[1] for line in lines] == ["routed", "overlay", "manifest"]
        assert [line[0] for line in lines] == ["●", "○", "○"] and "share one link" in lines[0]
        await pilot.click(found, offset=(4, 1))
        assert app.draft.get(("networking", "podNetwork")) == "overlay"
