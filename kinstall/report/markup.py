"""HTML and SVG that no content can break: text is escaped unless it was made here."""

from __future__ import annotations

import re
from html import escape

from kinstall.progress.text import clean

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_EMPTY = frozenset({"meta", "rect", "line", "br"})


class Html(str):
    """Markup that was made by element(); every other text is escaped when it is put into markup."""

    __slots__ = ()


def text(plain: str) -> Html:
    """Text, escaped, without control characters, and without any private key."""
    if isinstance(plain, Html):
        return plain
    readable = clean(_PRIVATE_KEY.sub("[secret]", plain)).encode("utf-8", "backslashreplace").decode()
    return Html(escape(readable, quote=True))


def element(name: str, /, *content: str, **attributes: str | float) -> Html:
    """An element. Attributes: `class_` for class, `stroke_width` for stroke-width."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(f"{value:g}" if isinstance(value, float) else str(value))}"'
        for key, value in attributes.items()
    )
    if name in _EMPTY and not content:
        return Html(f"<{name}{written}>" if name in ("meta", "br") else f"<{name}{written}/>")
    return Html(f"<{name}{written}>{joined(*content)}</{name}>")


def joined(*content: str) -> Html:
    """Pieces one after another, plain text among them escaped."""
    return Html("".join(text(piece) for piece in content))
