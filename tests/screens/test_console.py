"""The wizard on a bare Linux console: no tmux, no terminal emulator, 16 colours."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.screens.console import Console, missing

NEXT, QUIT, F1, ESCAPE, DOWN, ENTER = "\x0e", "\x11", "\x1b[[A", "\x1b", "\x1b[B", "\r"
COLOURLESS = {0, 7, 8, 15, 3, 11}
"""Black, white, and what the console makes of dim, bold and underlined letters (the last are cyan)."""

RED = {4, 12}

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is one")


def wizard(home: Path, **more: str) -> Console:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "NO_COLOR", "COLORTERM"))}
    repository = Path(__file__).resolve().parents[2]
    env = {**kept, "HOME": str(home), "PYTHONPATH": str(repository), "LANG": "C.UTF-8", **more}
    return Console([sys.executable, "-m", "kinstall"], home, env)


def test_steps_help_and_quit(tmp_path: Path) -> None:
    """Its keys are understood (F1 is written another way there than elsewhere), every step is drawn, Quit ends it."""
    with wizard(tmp_path) as console:
        console.wait_for("Paste machines")
        console.press(f"{DOWN}{ENTER}")
        console.wait_for("Cluster name")
        console.press(F1)
        console.wait_for("In the answers file: clusterName")
        console.press(ESCAPE)
        console.wait_for("how pods on different nodes")
        for shown in ("how the API is protected", "Known releases", "No node yet", "1 problem: Enter goes there"):
            console.press(NEXT)
            console.wait_for(shown)
        console.wait_for("^r Plan")
        console.press(QUIT)
        assert console.wait_for_end() == 0


def test_colours_and_their_absence(tmp_path: Path) -> None:
    """A problem is red and has its mark and its words; with NO_COLOR there are the mark and the words alone."""
    for more, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with wizard(tmp_path, **more) as console:
            console.wait_for("Paste machines")
            console.press(f"{DOWN}{ENTER}")
            console.wait_for("Cluster name")
            console.press("X")
            console.wait_for("✗ 'X' is not a valid name")
            seen = console.colours()
            assert seen & RED if coloured else seen <= COLOURLESS, seen
            console.press(QUIT)
            console.wait_for("Quit and discard them")
            console.press(f"{DOWN}{DOWN}{ENTER}")
            assert console.wait_for_end() == 0
