"""A line that names keys. A click on one presses it, so that the mouse can leave everything that keys can."""

from __future__ import annotations

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

_NAMED = {"Esc": "escape", "Enter": "enter", "Del": "delete"}


def hints(*named: str, between: str = "   ") -> Content:
    """`named` begin with the key's name, as in "Esc go back"; other beginnings ("↑ ↓ choose") cannot be clicked."""
    return Content(between).join(_hint(text) for text in named)


def _hint(text: str) -> Content:
    key = text.split(" ", 1)[0]
    function = key[:1] == "F" and key[1:].isdigit()
    pressed = _NAMED.get(key) or (key.lower() if function else key if len(key) == 1 and key.isascii() else "")
    if not pressed:
        return Content(text)
    return Content(text).stylize(Style.from_meta({"@click": f"app.simulate_key({pressed!r})"}))


class Hints(Static):
    """The last line of a page or dialog."""

    auto_links = False
    """Clickable text looks like the rest."""

    def __init__(self, *named: str, between: str = "   ") -> None:
        super().__init__(hints(*named, between=between), classes="keys", markup=False)
