"""Pieces of sentences that every room needs: a count with its noun, a list that ends, a text cut to a width. Pure."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice


def count(number: int, noun: str, nouns: str = "") -> str:
    """`1 node`, `3 nodes`; `nouns` where the plural is not the noun with an s."""
    return f"1 {noun}" if number == 1 else f"{number} {nouns or f'{noun}s'}"


def listed(names: Collection[str], most: int = 4) -> str:
    """`a, b, c, d and 3 more`: at most `most` names, and how many are left out."""
    rest = len(names) - most
    return ", ".join(islice(names, most)) + (f" and {rest} more" if rest > 0 else "")


def cut(text: str, width: int, more: str = "…") -> str:
    """The text in at most `width` characters, ending in `more` where something is missing."""
    return text if len(text) <= width else text[: max(0, width - len(more))] + more
