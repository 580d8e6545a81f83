"""Texts in TOML, as everything that kinstall writes in it has them.

https://toml.io/en/v1.0.0: a basic string has every character but quotation mark, backslash and the control characters
as it is. Those are escaped, so no value ends its string or begins a line of its own.
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')


def string(text: str) -> str:
    """A text as a basic string, with its quotation marks."""
    return '"' + _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + '"'
