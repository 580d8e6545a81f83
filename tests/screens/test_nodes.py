"""The step Nodes: the table and its keys, machines from elsewhere, host keys and the probe."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, TextArea

from kinstall.cluster import ClusterSpec
from kinstall.findings import Finding, Severity
from screens.app import WizardApp
from screens.dialogs.ticks import Ticks
from screens.draft.draft import Draft
from screens.nodes.form import NodeForm
from screens.nodes.machines import Machines
from screens.nodes.rows import duplicate, free_address, free_name, login, moved, new_row, state
from screens.nodes.table import NodesTable
from screens.nodes.trust import TrustKeys, consent
from screens.services import Emit, Prompt
from tests.screens.simulated import SimulatedServices, wizard
from tests.screens.test_install import said, top, until


def names(app: WizardApp) -> list[str]:
    return [row["name"] for row in app.draft.get(("nodes",))]


def cells(app: WizardApp, row: int) -> list[str]:
    """A row of the table as text."""
    return [str(cell) for cell in app.step.query_one(NodesTable).get_row_at(row)]


async def opened(app: WizardApp, pilot: Pilot[int]) -> NodesTable:
    await app.action_go("nodes")
    await pilot.pause()
    return app.step.query_one(NodesTable)


# Rows


def test_new_and_duplicated_rows_are_free_names_and_addresses() -> None:
    """The first is the control plane; a copy has no host key, no pod range, and is never a second control plane."""
    assert new_row([])["role"] == "control-plane"
    rows: list[dict[str, Any]] = [
        {"name": "cp1", "address": "192.0.2.11", "role": "control-plane", "hostKey": "SHA256:x", "labels": {"a": "b"}},
        {"name": "w1", "address": "192.0.2.12", "role": "worker", "podCIDR": "10.0.0.0/24"},
    ]
    assert new_row(rows) == {"name": "w2", "address": "", "role": "worker"}
    copy = duplicate(rows, 0)
    assert copy == {"name": "cp2", "address": "192.0.2.13", "role": "worker", "labels": {"a": "b"}}
    assert "podCIDR" not in duplicate(rows, 1)
    assert free_name(rows, "db") == "db" and free_name([{"name": "a9"}], "a9") == "a10"
    assert free_address(rows, "node.example") == ""


def test_moving_stays_within_the_list() -> None:
    """At either end a row stays where it is."""
    rows = [{"name": name} for name in "abc"]
    assert [row["name"] for row in moved(rows, 0, -1)] == ["a", "b", "c"]
    assert [row["name"] for row in moved(rows, 0, 1)] == ["b", "a", "c"]
    assert [row["name"] for row in moved(rows, 2, 5)] == ["a", "b", "c"]


def test_a_login_in_a_few_words() -> None:
    """What a node says otherwise goes before what holds for all."""
    assert login({}, {}) == "root"
    assert login({"ssh": {"user": "ops", "port": 2222}}, {"user": "root", "proxyJump": "b"}) == "ops, sudo :2222 via b"


def test_a_state_says_the_worst_first() -> None:
    """An error before a warning, with how many more there are."""
    warning = Finding("a", "cpu", Severity.WARNING, "one CPU")
    error = Finding("a", "swap", Severity.ERROR, "swap is on")
    assert state([], [warning, error, error], False) == ("bad", "swap: swap is on (+1)")
    assert state([], [warning], False) == ("warn", "cpu: one CPU")
    assert state([], [], False) == ("good", "ready") and state([], None, False)[0] == "wait"
    assert state([], None, True)[0] == "run"


# The table


async def test_adding_and_editing_a_node_with_keys_alone() -> None:
    """a opens the new node on its address; what is typed is in the answers at once, and what is wrong is said there."""
    app = WizardApp(Draft.new(), SimulatedServices())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        assert "No node yet" in said(app, "#nodes-summary")
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(top(app), NodeForm)
        await pilot.press(*"10.90.0.300")
        await pilot.pause()
        assert app.draft.get(("nodes", 0, "address")) == "10.90.0.300"
        assert "✗" in "".join(str(each.content) for each in top(app).query(".wrong"))
        await pilot.press("backspace", "escape")
        await pilot.pause()
        assert app.draft.data["nodes"] == [{"name": "cp1", "address": "10.90.0.30", "role": "control-plane"}]
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(top(app), NodeForm)


async def test_a_new_node_that_stayed_empty_goes_again() -> None:
    """Esc right after a leaves the answers as they were."""
    app = WizardApp(Draft.new(), SimulatedServices())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("a")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert app.draft.get(("nodes",)) == []


async def test_duplicate_remove_bring_back_and_move(home: Path) -> None:
    """Each key does it to the chosen row, and nothing is lost by removing."""
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await opened(app, pilot)
        await pilot.press("down", "d")
        assert names(app) == ["cp1", "w1", "w3", "w2"] and app.draft.get(("nodes", 2, "address")) == "10.90.0.14"
        await pilot.press("delete")
        assert names(app) == ["cp1", "w1", "w2"]
        await pilot.press("up", "delete", "z")
        assert names(app) == ["cp1", "w1", "w2"]
        await pilot.press("J")
        assert names(app) == ["cp1", "w2", "w1"] and table.cursor_row == 2
        await pilot.press("K", "K", "K")
        assert names(app) == ["w1", "cp1", "w2"] and table.cursor_row == 0
        assert app.draft.problems == ()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_columns_keep_their_width(home: Path, size: tuple[int, int]) -> None:
    """Whatever is typed or found, columns stay where they are, and all fit the screen."""
    app = wizard(home)
    async with app.run_test(size=size) as pilot:
        table = await opened(app, pilot)
        before = [column.get_render_width(table) for column in table.ordered_columns]
        app.draft.set(("nodes", 1, "name"), "a-very-long-name-of-a-node-indeed")
        await pilot.pause(0.2)
        assert [column.get_render_width(table) for column in table.ordered_columns] == before
        assert sum(before) <= table.size.width


# Machines from elsewhere


async def test_pasting_many_lines_into_the_table(home: Path) -> None:
    """They are shown with what is left out of them, one can be left out, and known ones stay as they are."""
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        text = "w1 10.90.0.12 worker\nw3 10.90.0.21 admin@:2222\nw4 10.90.0.22 password=hunter2\nw5 10.90.0.23\n"
        app.post_message(events.Paste(text))
        await until(pilot, lambda: isinstance(top(app), Machines))
        assert top(app).query_one(TextArea).text == text
        shown = said(app, "#message")
        assert "password" in shown and "hunter2" not in shown
        await pilot.press("tab", "down", "down", "space")
        offer = str(top(app).query_one("#do", OptionList).get_option_at_index(0).prompt)
        assert offer.startswith("Add 2 (5: 1 control plane, 4 workers in all); leave 1 existing unchanged")
        await pilot.press("tab", "enter")
        await pilot.pause()
        assert names(app) == ["cp1", "w1", "w2", "w3", "w5"]
        assert app.draft.get(("nodes", 3, "ssh")) == {"user": "admin", "port": 2222}
        assert "hunter2" not in app.draft.text()


INVENTORY = """\
[control]
cp1 ansible_host=10.90.0.11 ansible_user=ops ansible_become_pass=hunter2

[workers]
w1 ansible_host=10.90.0.12
w7 ansible_host=10.90.0.17 ansible_port=2222
[kube_control_plane:children]
control
[kube_node:children]
workers
"""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("hosts.ini", INVENTORY),
        (
            "hosts.yaml",
            "kube_node:\n  hosts:\n    w7: {ansible_host: 10.90.0.17, ansible_port: 2222}\n",
        ),
        ("hosts.csv", "name,address,role,port\nw7,10.90.0.17,worker,2222\n"),
        ("config", "Host w7\n  HostName 10.90.0.17\n  Port 2222\n"),
    ],
)
async def test_importing_a_file(home: Path, file: str, text: str) -> None:
    """An Ansible inventory (INI, YAML), a table, an ssh configuration: named by its path, seen, taken."""
    (home / file).write_text(text)
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(top(app), Machines))
        top(app).query_one(Input).value = ""
        await pilot.press(*str(home / "no-such-file"), "enter")
        assert "✗" in said(app, "#message")
        top(app).query_one(Input).value = str(home / file)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.focused, Ticks)
        await pilot.press("tab", "enter")
        await pilot.pause()
        assert names(app) == ["cp1", "w1", "w2", "w7"]
        assert app.draft.get(("nodes", 3, "ssh", "port")) == 2222 and "hunter2" not in app.draft.text()


async def test_known_nodes_can_be_brought_up_to_date(home: Path) -> None:
    """The second offer of an import: what the list tells of known nodes replaces what is there."""
    (home / "hosts.ini").write_text(INVENTORY)
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(top(app), Machines))
        top(app).query_one(Input).value = str(home / "hosts.ini")
        await pilot.press("enter")
        await pilot.pause()
        assert "left out, because an answers file holds no secrets: ansible_become_pass" in said(app, "#message")
        await pilot.press("tab", "down", "enter")
        await pilot.pause()
        assert app.draft.get(("nodes", 0, "ssh", "user")) == "ops" and names(app)[-1] == "w7"


# Host keys and the probe

_KEY_LINES = r"\[ \] \w+ +\S+:22  ssh-ed25519\n    SHA256:\S{43}$"


class Probed(SimulatedServices):
    """Nodes answer one after another, when the test lets them."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def probe(self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Prompt) -> Sequence[Finding]:
        swap = Finding("w1", "swap", Severity.ERROR, "swap is on (2 GiB, /swapfile)", "turn it off: swapoff -a")
        emit(("w1", [swap, Finding("w1", "cpu", Severity.OK, "2 CPUs")]))
        assert self.go_on.wait(20)
        return [*super().probe(spec, emit, stop, prompt), swap]


async def test_host_keys_are_trusted_once_and_findings_come_as_nodes_answer(home: Path) -> None:
    """Fingerprints first; trusted ones stand in the answers. The first answer is shown while others are waited for."""
    services = Probed()
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(top(app), TrustKeys))
        shown = [str(option.prompt) for option in top(app).query_one(Ticks).options]
        assert len(shown) == 3 and all(re.match(_KEY_LINES, line) for line in shown)
        await pilot.press("enter")
        assert "no key is ticked" in said(app, "#consent") and isinstance(top(app), TrustKeys)
        await pilot.press("a", "enter")
        await until(pilot, lambda: "swap" in cells(app, 1)[-1])
        assert "probing" in cells(app, 0)[-1] and "probing" in cells(app, 2)[-1]
        assert [row["hostKey"][:7] for row in app.draft.get(("nodes",))] == ["SHA256:"] * 3
        assert "pinned" in cells(app, 0)[-2]
        services.go_on.set()
        await until(pilot, lambda: "probing" not in cells(app, 0)[-1] + cells(app, 2)[-1])
        await pilot.press("down")
        await pilot.pause()
        told = said(app, "#findings-text")
        assert "✗ swap: swap is on (2 GiB, /swapfile)" in told and "turn it off: swapoff -a" in told
        await pilot.press("ctrl+r")
        await pilot.pause(0.3)
        assert not isinstance(top(app), TrustKeys), "they were trusted"


async def test_consent_shows_in_characters_and_says_what_it_covers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Space changes the words on the screen, also where there are no colours; only what is ticked is trusted."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(top(app), TrustKeys))

        def painted() -> str:
            return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())

        await pilot.pause()
        before = painted()
        assert "[ ] cp1" in before and "[x]" not in before and "Trust none of 3 keys" in before
        await pilot.press("space", "down", "down", "space")
        await pilot.pause()
        after = painted()
        assert "[x] cp1" in after and "[ ] w1" in after and "[x] w2" in after and "Trust 2 of 3 keys (not w1)" in after
        assert re.findall(r"SHA256:\S+", after) == re.findall(r"SHA256:\S{43}", before)
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(top(app), TrustKeys))
        assert ["hostKey" in row for row in app.draft.get(("nodes",))] == [True, False, True]


def test_consent_in_words() -> None:
    """All of them, some of them, none of them."""
    nodes = ["a", "b", "c", "d", "e"]
    assert consent(nodes, nodes) == "Trust 5 of 5 keys"
    assert consent(nodes, ["a"]) == "Trust 1 of 5 keys (not b, c, d and 1 more)"
    assert consent(nodes, []) == "Trust none of 5 keys: none is ticked"


async def test_a_changed_host_key_is_refused(home: Path) -> None:
    """It is told with what to do, and there is no key that accepts it; going back probes nothing."""
    services = SimulatedServices()
    services.changed = {"w2"}
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(top(app), TrustKeys))
        assert [str(option.prompt)[:7].strip() for option in top(app).query_one(Ticks).options] == ["[ ] cp1", "[ ] w1"]
        assert [each.node for each in top(app).changed] == ["w2"]
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(top(app), TrustKeys))
        assert "changed" in cells(app, 2)[-2] and "not probed" in cells(app, 2)[-1]
        assert all("hostKey" not in row for row in app.draft.get(("nodes",)))


async def test_what_was_probed_is_forgotten_when_the_node_changes(home: Path) -> None:
    """A finding about another address or login would mislead."""
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(top(app), TrustKeys))
        await pilot.press("a", "enter")
        await until(pilot, lambda: not {"probing", "not"} & set(" ".join(cells(app, 1)[-1:]).split()))
        app.draft.set(("nodes", 1, "address"), "10.90.0.99")
        await pilot.pause(0.2)
        assert "not probed" in cells(app, 1)[-1] and "not probed" not in cells(app, 0)[-1]


async def test_an_error_can_be_allowed(home: Path) -> None:
    """F4 writes the check into preflight.ignore, after asking."""
    services = Probed()
    services.go_on.set()
    app = wizard(home, services)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(top(app), TrustKeys))
        await pilot.press("a", "enter")
        await until(pilot, lambda: "swap" in cells(app, 1)[-1] and not top(app).probe.waiting)
        await pilot.press("down", "f4")
        await pilot.pause()
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.draft.get(("preflight", "ignore")) == ["swap"]


async def test_a_problem_of_a_node_leads_to_its_field(home: Path) -> None:
    """Jumping to nodes[1].address opens that node with the cursor in the field."""
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.jump("nodes[1].address")
        await until(pilot, lambda: isinstance(top(app), NodeForm))
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "10.90.0.12")
