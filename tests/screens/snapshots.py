"""Pictures of screens, kept beside the tests and compared with what is drawn today.

KINSTALL_SNAPSHOTS=write draws them anew: look at each before it is committed. (pytest-textual-snapshot pins a library
that does not work with today's pytest.)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 40))
_PATIENCE = 100


async def same(pilot: Pilot[Any], app: App[Any], name: str) -> None:
    """Fail where the screen does not look like its picture `snapshots/NAME-WxH.svg`; what it shows lies beside it."""
    drawn = await _at_rest(pilot, app)
    width, height = app.size
    path = FOLDER / f"{name}-{width}x{height}.svg"
    if os.environ.get("KINSTALL_SNAPSHOTS") == "write":
        path.write_text(drawn, "utf-8")
    kept = path.read_text("utf-8") if path.exists() else ""
    if drawn != kept:
        other = Path(os.environ.get("XDG_STATE_HOME", "/tmp")) / path.name
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text(drawn, "utf-8")
        raise AssertionError(f"{path.name} looks different: compare {path} with {other}")


async def _at_rest(pilot: Pilot[Any], app: App[Any]) -> str:
    """The picture when nothing moves any more: no job, no blinking, twice the same."""
    before = ""
    for _ in range(_PATIENCE):
        for widget in app.screen.query("Input, TextArea"):
            if isinstance(widget, (Input, TextArea)):
                widget.cursor_blink = False
        await pilot.pause(0.05)
        drawn = app.export_screenshot()
        if drawn == before and not getattr(getattr(app, "background", None), "jobs", ()):
            return drawn
        before = drawn
    raise AssertionError("the screen does not come to rest")
