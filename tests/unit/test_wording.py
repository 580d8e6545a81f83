"""Pieces of sentences: what people read is right in the singular, at the limit, and one beyond it."""

from __future__ import annotations

from kinstall.wording import count, cut, listed


def test_one_is_singular_and_every_other_number_plural() -> None:
    """None, one and many; a plural of its own where an s does not do."""
    assert [count(number, "node") for number in (0, 1, 2)] == ["0 nodes", "1 node", "2 nodes"]
    assert count(2, "address", "addresses") == "2 addresses"


def test_a_list_says_how_many_it_leaves_out() -> None:
    """At the limit everything is named; one beyond it, the rest is counted."""
    assert listed(["a", "b"], 2) == "a, b"
    assert listed({"a": 1, "b": 2, "c": 3}, 2) == "a, b and 1 more"
    assert listed([]) == ""


def test_a_cut_text_has_the_width_and_shows_that_it_is_cut() -> None:
    """Never wider than asked for, also with a longer sign for the missing rest."""
    assert cut("abcd", 4) == "abcd"
    assert cut("abcde", 4) == "abc…"
    assert cut("abcdef", 5, "...") == "ab..."
