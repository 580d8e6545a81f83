"""Screens compared with pictures of them (SVG) in `pictures/`.

A picture is made anew with KINSTALL_PICTURES=write, and looked at before it is committed.
"""

from __future__ import annotations

import difflib
import os
import re
from html import unescape
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

PICTURES = Path(__file__).parent / "pictures"
SIZES = ((80, 24), (120, 40))
_TRIES = 15


async def looks_like(pilot: Pilot[int], name: str) -> None:
    """The screen is what the picture of that name and this size shows, once it has come to rest."""
    app = pilot.app
    app.clear_notifications()
    for line in app.screen.query(Input):
        line.cursor_blink = False
    for area in app.screen.query(TextArea):
        area.cursor_blink = False
        # Its lines are kept as drawn, and a blinking cursor's dark half looks to it as one that does not blink.
        area.notify_style_update()
        area.refresh()
    path = PICTURES / f"{name}-{app.size.width}x{app.size.height}.svg"
    if os.environ.get("KINSTALL_PICTURES") == "write":
        await pilot.pause(1)
        path.write_text(_svg(app))
        return
    assert path.exists(), f"there is no {path.name}: KINSTALL_PICTURES=write makes it"
    for _ in range(_TRIES):
        await pilot.pause(0.2)
        svg = _svg(app)
        if path.read_text() == svg:
            return
    before, now = _text(path.read_text()), _text(svg)
    assert before == now, "\n".join(difflib.unified_diff(before, now, path.name, "now", lineterm="", n=1))
    raise AssertionError(f"{path.name}: the same words in other colours or styles")


def _svg(app: App[int]) -> str:
    # The picture brings no fonts from elsewhere: the reader's own monospaced one does.
    return re.sub(r"@font-face \{.*?\}\s*", "", app.export_screenshot(simplify=True), flags=re.DOTALL)


def _text(svg: str) -> list[str]:
    """The lines of a picture."""
    lines: dict[float, str] = {}
    for y, text in re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        lines[float(y)] = lines.get(float(y), "") + unescape(text).replace("\xa0", " ")
    return [lines[y] for y in sorted(lines)]
