"""Bytes as people read them."""

from __future__ import annotations


def size(number: float) -> str:
    """`512 B`, `1.2 kB`, `58 MB`: decimal units, two or three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5 or unit == "GB":
            return f"{number:.0f} {unit}" if number >= 9.95 or unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError
