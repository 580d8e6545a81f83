"""systemd unit files as sections of (key, value) pairs, and quoting of their command lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from assets.rendered import Rendered, text

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Section = Sequence[tuple[str, str]]


def unit_text(sections: Mapping[str, Section]) -> str:
    """The text of a unit file or drop-in."""
    blocks = [f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in pairs) for name, pairs in sections.items()]
    return "\n".join(blocks)


def unit(path: str, sections: Mapping[str, Section]) -> Rendered:
    return text(path, unit_text(sections))


def command_line(words: Iterable[str]) -> str:
    """Words as ExecStart= takes them: one per line, quoted where a space, quote, `%` or `$` would change them.

    Control characters are escaped: to systemd a carriage return ends a line as a newline does. systemd.syntax(7)
    """
    return " \\\n  ".join(_word(word) for word in words)


def _word(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    escaped = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", escaped)
    plain = escaped == word and word and not any(char in word for char in " ';#")
    return word if plain else f'"{escaped}"'
