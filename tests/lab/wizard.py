"""A person at the wizard: the keys that lead from an empty state to a cluster of the lab's hosts."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.lab.demo import answers_for
from tests.lab.hosts import Host
from tests.lab.pyz import pyz
from tests.lab.terminal import Terminal

See = Callable[[str, Terminal], None]
"""Is told the name of each screen that was reached, and can look at it."""


def site(described: dict[str, Any], hosts: Sequence[str]) -> str:
    """What belongs to this site and to no single cluster, as text to paste: mirrors, digests, its kernel's needs."""
    answers = yaml.safe_load(answers_for(described, hosts=list(hosts)))
    kept = {key: answers[key] for key in ("images", "downloads", "components")}
    return str(yaml.safe_dump(kept, sort_keys=False, width=120))


def open_wizard(home: Path, *words: str, size: tuple[int, int] = (80, 24)) -> Terminal:
    """The single file in a terminal, with a home folder of its own."""
    return Terminal(program(*words), size, cwd=home, env=environment(home))


def program(*words: str) -> list[str]:
    """The command: kinstall.pyz, with the Python that runs the tests."""
    return [sys.executable, str(pyz()), *words]


def fill_in(
    terminal: Terminal, described: dict[str, Any], hosts: Sequence[Host], name: str, see: See = lambda name, on: None
) -> None:
    """From the first screen to Review, with keys only."""
    terminal.wait_for("Paste machines")
    see("begin", terminal)
    terminal.press("Down", "Enter", pause=0.5)
    terminal.wait_for("Cluster name")
    terminal.press("F2")
    terminal.wait_for("All answers")
    terminal.paste(site(described, [host.name for host in hosts]))
    terminal.press("Escape", pause=0.5)
    terminal.wait_for("Cluster name")
    terminal.press("End", "C-u", pause=0.5)
    terminal.type(name)
    terminal.wait_for(f"kinstall · {name}")
    see("networking", terminal)
    for step in ("security", "images", "nodes"):
        terminal.press("C-n", pause=0.7)
        see(step, terminal)
    terminal.wait_for("No node yet")
    terminal.press("p")
    terminal.wait_for("Paste machines")
    user, port, key = (described["hosts"][0][each] for each in ("user", "sshPort", "identityFile"))
    lines = [
        f"{'cp1' if index == 0 else f'w{index}'} {host.address} {'control-plane' if index == 0 else 'worker'} "
        f"{user}@:{port} key={key}"
        for index, host in enumerate(hosts)
    ]
    terminal.paste("\n".join(lines))
    terminal.wait_for(f"Add {len(hosts)} ")
    terminal.press("Tab", "Tab", "Enter", pause=0.4)
    terminal.wait_for(f"{len(hosts)}: 1 control plane")
    see("pasted", terminal)
    terminal.press("C-r")
    shown = terminal.wait_for("SHA256:", seconds=60)
    for host in hosts:
        assert host.host_key in shown, f"{host.name} has {host.host_key}:\n{shown}"
    see("host keys", terminal)
    time.sleep(1)  # a key that comes with the page counts as typed ahead
    terminal.press("a", "Enter", pause=0.5)
    terminal.wait_for("probing|ready|!", seconds=30)
    terminal.wait_for("probing …", seconds=120, gone=True)
    see("probed", terminal)
    terminal.press("C-n", pause=0.7)
    see("review", terminal)


def to_install(terminal: Terminal, file: str) -> None:
    """From Review, which asks for a name to save the answers under, to a run that has begun."""
    terminal.press("C-n")
    terminal.wait_for("Save the answers as")
    terminal.press("End", "C-u", pause=0.5)
    terminal.type(file)
    terminal.press("Enter")
    terminal.wait_for("b begins the run")
    begin(terminal)


def begin(terminal: Terminal) -> None:
    """From Install to a run: b asks, and after a moment, in which keys count as typed ahead, b begins."""
    terminal.press("b")
    terminal.wait_for("as root?", seconds=120)
    time.sleep(2)
    terminal.press("b")


def environment(home: Path) -> dict[str, str]:
    """What the wizard, and commands after it, run with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_") and name != "PYTHONPATH"}
    return {**kept, "HOME": str(home)}
