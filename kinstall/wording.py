"""What every room needs for its sentences: counts, lists, cuts, and foreign text made harmless. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from itertools import islice

LONGEST_WORDS = 300
"""Characters of a machine's own words that a sentence repeats."""


def count(number: int, noun: str, nouns: str = "") -> str:
    """`1 node`, `3 nodes`; `nouns` where the plural is not the noun with an s."""
    return f"1 {noun}" if number == 1 else f"{number} {nouns or f'{noun}s'}"


def listed(names: Collection[str], most: int = 4) -> str:
    """`a, b, c, d and 3 more`: at most `most` names, and how many are left out."""
    rest = len(names) - most
    return ", ".join(islice(names, most)) + (f" and {rest} more" if rest > 0 else "")


def nearest(name: str, names: Collection[str]) -> str:
    """`did you mean verify?` where one of the names is much like this one, else an empty text."""
    close = difflib.get_close_matches(name[:_LONGEST_NAME], names, n=1)
    return f"did you mean {close[0]}?" if close else ""


_LONGEST_NAME = 100
"""What is longer is no slip of a finger, and comparing takes time that grows with the square of it."""


def cut(text: str, width: int, more: str = "…") -> str:
    """The text in at most `width` characters, ending in `more` where something is missing."""
    return text if len(text) <= width else text[: max(0, width - len(more))] + more


# Escape sequences (CSI, OSC, two-character), then every other control character, line separator and bidi override.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Text from elsewhere without what would steer a terminal: of control characters only newline and tab stay.

    Every way out applies it: the standard streams (terminal/stream.py), rich's console (terminal/console.py), the
    wizard's screen (screens/text.py), the report (report/markup.py). JSON escapes such characters itself.
    """
    if _CONTROLS.search(text) is None:
        return text
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def without_controls(text: str) -> str:
    """As harmless(), but of an escape sequence only the control characters go: what has a width keeps it."""
    return text if _CONTROLS.search(text) is None else _CONTROLS.sub("", text)
