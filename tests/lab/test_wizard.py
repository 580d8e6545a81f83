"""The wizard for real: a person's keys in a terminal, real hosts, and a file that a replay has nothing to add to."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import wizard
from tests.lab.api import Lab
from tests.lab.hosts import Host
from tests.lab.terminal import Terminal
from tests.lab.toolchain import ensure_packages

SCREENS = os.environ.get("KINSTALL_SCREENS", "")
"""A folder that keeps every screen of the run, to look at."""


@pytest.mark.covers(9, 20, 38)
def test_keys_alone_lead_from_an_empty_state_to_three_ready_nodes(
    lab: Lab, bare_hosts: Callable[[int], list[Host]], tmp_path: Path
) -> None:
    """Keys and two pastes: the site's settings, and three machines. In the middle of the run the wizard is killed
    (SIGKILL); opened again, its first page names the run, and goes on with it. The cluster is verified, its context
    merged, and replaying the answers that the wizard wrote changes nothing."""
    ensure_packages()
    hosts = bare_hosts(3)
    file = tmp_path / "demo.yaml"

    def see(name: str, terminal: Terminal) -> None:
        if SCREENS:
            (Path(SCREENS) / f"{name}.ansi").write_text(terminal.screen(colours=True))

    with wizard.open_wizard(tmp_path) as terminal:
        wizard.fill_in(terminal, lab.describe(), hosts, "demo", see)
        wizard.to_install(terminal, file.name)
        terminal.wait_for(r"[4-6]\d %", seconds=240)
        see("install", terminal)
        terminal.kill()
        terminal.wait_for(r"\[ended 137\]", seconds=20)

    with wizard.open_wizard(tmp_path, size=(120, 40)) as terminal:
        terminal.wait_for("demo .* interrupted .* Enter goes on", seconds=30)
        see("offer", terminal)
        terminal.press("Down", "Down", "Down", "Enter", pause=0.3)
        terminal.wait_for(r"b continues: the run of demo .* was interrupted")
        wizard.begin(terminal)
        shown = terminal.wait_for(r"done: .*\^N continues|✗", seconds=420)
        see("installed", terminal)
        assert "done: " in shown, shown
        terminal.press("C-n")
        terminal.wait_for("cluster demo is up: 3 nodes", seconds=30)
        see("done", terminal)
        terminal.press("m")
        terminal.wait_for("Merge it")
        time.sleep(1)  # a key that comes with the question counts as typed ahead
        terminal.press("Enter")
        terminal.wait_for("merged into", seconds=30)
        terminal.press("C-q")
        terminal.wait_for(r"\[ended 0\]", seconds=20)

    env = wizard.environment(tmp_path)
    kubectl = tmp_path / ".local/state/kinstall/demo/bin/kubectl"
    nodes = json.loads(
        subprocess.run([kubectl, "get", "nodes", "-o", "json"], env=env, check=True, capture_output=True).stdout
    )["items"]
    ready = {
        node["metadata"]["name"]: condition["status"]
        for node in nodes
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready"
    }
    assert ready == {"cp1": "True", "w1": "True", "w2": "True"}, "by the context in ~/.kube/config"

    replayed = subprocess.run(
        wizard.program("replay", str(file), "--output", "json"),
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert replayed.returncode == 0, replayed.stderr
    last = json.loads(replayed.stdout.splitlines()[-1])
    assert (last["changed"], last["failed"]) == (0, 0), last
