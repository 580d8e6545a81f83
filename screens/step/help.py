"""Pages of help: what a screen is for, the keys that it has now, and the field that has the focus."""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING

from textual.screen import Screen

if TYPE_CHECKING:
    from screens.fields import FieldRow

KEYS = """\
^N ^P     next and previous step            Tab, ↑ ↓   from field to field
F1 ?      this page; the same key closes    ← → Space  choose
F2        all answers as text               F9         commands by name
^S        save the answers                  ^Q         quit"""


def page_of_step(title: str, purpose: str, about: FieldRow | None) -> tuple[str, str]:
    """(heading, text) for a step: of the field that has the focus first, if one has it."""
    if about is None:
        return title, f"{purpose}\n\n{KEYS}"
    return f"{title}: {about.label}", f"{about.long_help()}\n\nThis step: {purpose}\n\n{KEYS}"


def page_of_dialog(screen: Screen[object], about: FieldRow | None) -> tuple[str, str]:
    """(heading, text) for a page above a step: what it is for in its own words, and its keys as they are now."""
    purpose = cleandoc(getattr(screen, "PURPOSE", "")) or "Answer it, or go back with Esc: nothing is lost by that."
    keys = {
        active.binding.description: screen.app.get_key_display(active.binding)
        for active in screen.active_bindings.values()
        if active.binding.description and active.enabled and active.node is not screen.app
    }
    width = max(map(len, keys.values()), default=0) + 3
    lines = "\n".join(f"{key:<{width}}{description}" for description, key in keys.items())
    if about is None:
        return "Help", f"{purpose}\n\n{lines}"
    return about.label, f"{about.long_help()}\n\n{purpose}\n\n{lines}"
