"""Secrets in the wizard: where one comes from is chosen; what is typed stays in memory, and reaches no file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from screens.app import WizardApp
from screens.dialogs.secrets import prompt_for
from screens.draft.draft import Draft
from screens.draft.kept_out import text_without_secrets
from screens.draft.saved import Unsaved
from screens.fields.secret import SecretRow
from tests.screens.pretend import Pretend

CANARY = "hunter2canary"
KEY = f"-----BEGIN PRIVATE KEY-----\n{CANARY}"
NODE = {"name": "cp1", "address": "10.90.0.11", "role": "control-plane"}
NODES = "nodes: [{name: cp1, address: 10.90.0.11, role: control-plane}]\n"
MIRROR: dict[str, Any] = {"endpoint": "https://m.example.org", "user": "u"}
PLACES: dict[str, tuple[tuple[str | int, ...], Any]] = {
    **{f"ssh.{name}": (("ssh", name), CANARY) for name in ("password", "passphrase", "sudoPassword")},
    **{
        f"node's {name}": (("nodes", 0, "ssh", name), CANARY) for name in ("password", "passphrase", "sudoPassword")
    },
    "a number": (("ssh", "password"), {CANARY: 1}),
    "ssh.identityFile": (("ssh", "identityFile"), KEY),
    "node's identityFile": (("nodes", 0, "ssh", "identityFile"), KEY),
    "a key among paths": (("ssh", "identityFile"), ["~/.ssh/id", KEY]),
    "a jump host's password": (("ssh", "proxyJump"), [{"address": "j", "password": CANARY}]),
    "own CA": (("security", "ownCA", "etcd", "key"), KEY),
    "mirror": (("images", "mirrors"), {"docker.io": {**MIRROR, "password": CANARY}}),
    "mirrors as text": (("images", "mirrors"), f"docker.io: {{password: {CANARY}"),
    "a mirror as text": (("images", "mirrors"), {"docker.io": f"password: {CANARY}"}),
    "ssh as text": (("ssh",), f"password: {CANARY}"),
}  # fmt: skip


def on_disk(folder: Path) -> list[str]:
    """The files with the canary in them, or a part of it long enough to be one."""
    return [str(each) for each in folder.rglob("*") if each.is_file() and CANARY.encode() in each.read_bytes()]


async def opened(pilot: Pilot[int], app: WizardApp, path: str) -> SecretRow:
    await pilot.pause()
    await app.action_go("nodes")
    await pilot.pause()
    assert app.step.go_to(path)
    await app.workers.wait_for_complete()
    await pilot.pause(0.2)
    return next(each for each in app.screen.query(SecretRow) if each.has_focus_within)


@pytest.mark.parametrize("place", PLACES)
async def test_no_secret_is_kept_or_saved(home: Path, place: str) -> None:
    """Wherever one was typed that belongs there as a reference only; everything else is kept."""
    path, value = PLACES[place]
    app = WizardApp(Draft.parse(NODES), Pretend())
    async with app.run_test() as pilot:
        await pilot.pause()
        app.draft.set(("clusterName",), "kept")
        app.draft.set(path, value)
        app.keep()
        assert "clusterName: kept" in Unsaved(None).read() and "10.90.0.11" in Unsaved(None).read()
        await pilot.press("ctrl+s")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert (home / "kept.yaml").exists() and on_disk(home) == []


def test_references_are_kept() -> None:
    """What may be in a file stays in it, byte for byte."""
    draft = Draft.parse(
        NODES
        + "ssh: {proxyJump: ops@bastion, password: 'env:PASS', identityFile: ~/.ssh/id, sudoPassword: 'prompt:Sudo'}\n"
    )
    draft.set(("images", "mirrors"), {"docker.io": {**MIRROR, "password": "file:/run/secret"}})
    assert draft.text_to_keep() == (draft.text(), ())


@pytest.mark.parametrize(
    "line",
    [
        f"  password: {CANARY}",
        f"  password: '{CANARY}'",
        f'ssh: {{port: 22, sudoPassword: "{CANARY}", user: root}}',
        f"  passphrase: |\n    {CANARY}",
        f"  identityFile: {KEY}",
    ],
)
def test_text_that_is_no_yaml_yet_is_kept_without_secrets(line: str) -> None:
    """What stands behind a secret's key goes, as far as it is no reference."""
    kept = text_without_secrets(f"clusterName: [\nssh:\n{line}\n  user: ops\n")
    assert CANARY not in kept
    assert text_without_secrets("a: [\n  password: env:PASS\n") == "a: [\n  password: env:PASS\n"


async def test_a_secret_typed_in_a_form_is_masked_and_answers_the_question_of_a_run(home: Path) -> None:
    """ "Ask me" puts a question into the answers; what is typed for it at once is not asked for again."""
    app = WizardApp(Draft.parse(NODES), Pretend())
    async with app.run_test() as pilot:
        row = await opened(pilot, app, "ssh.password")
        assert not row.query_one(".detail").display
        row.source.choose("prompt")
        await pilot.pause(0.1)
        detail = row.query_one(".detail", Input)
        assert detail.display and detail.password
        detail.focus()
        await pilot.press(*CANARY)
        await pilot.press("enter")
        await pilot.pause()
        assert app.draft.get(("ssh", "password")) == "prompt:Password for all nodes" and not app.draft.problems
        assert app.typed == {"Password for all nodes": CANARY}
        app.keep()
        assert CANARY not in "".join(str(each.render()) for each in app.screen.query(".hint")) and on_disk(home) == []
        asked = await prompt_for(app, app.draft.spec)
        assert asked is not None and asked("Password for all nodes") == CANARY


async def test_a_variable_or_a_file_is_named_and_nothing_is_shown_of_a_secret(home: Path) -> None:
    """The reference is made from the choice and the name; a secret out of a file's text is not shown in the form."""
    app = WizardApp(Draft.parse(NODES + f"ssh: {{sudoPassword: {CANARY}}}\n"), Pretend())
    async with app.run_test() as pilot:
        row = await opened(pilot, app, "ssh.sudoPassword")
        assert row.source.value == "" and CANARY not in row.query_one(".detail", Input).value
        row.source.choose("env")
        await pilot.pause(0.1)
        detail = row.query_one(".detail", Input)
        assert detail.display and not detail.password and not app.draft.has(("ssh", "sudoPassword"))
        detail.focus()
        await pilot.press(*"PASS")
        await pilot.pause()
        assert app.draft.get(("ssh", "sudoPassword")) == "env:PASS"
        row.source.choose("")
        await pilot.pause()
        assert not app.draft.has(("ssh", "sudoPassword")) and not detail.display
