"""Budgets: a node that prints without end costs bounded memory and time, and is named."""

from __future__ import annotations

import time

import pytest

from kinstall.errors import TransportError
from kinstall.transport.budget import Lines, TooMuchOutput


def test_an_honest_answer_passes_whole() -> None:
    """Up to the budget nothing is lost; a line that is too long loses its end."""
    output = Lines("n1", most_bytes=1 << 20, most_lines=3, seconds=10, longest=5)
    for line in ("one", "", "abcdefgh"):
        output.add(line)
    assert output.lines == ["one", "", "abcde"]


@pytest.mark.parametrize(("line", "most"), [("x" * 1000, 1050), ("", 100)])
def test_a_flood_is_cut_off_and_the_node_named(line: str, most: int) -> None:
    """Long lines end at the bytes, empty ones at their number."""
    output = Lines("n1", most_bytes=1 << 20, most_lines=100 if not line else 100_000, seconds=10)
    with pytest.raises(TooMuchOutput, match="n1: it prints more than") as caught:
        for _ in range(200_000):
            output.add(line)
    assert isinstance(caught.value, TransportError) and caught.value.remedy
    assert len(output.lines) <= most


def test_a_trickle_ends_with_its_time() -> None:
    """A node that prints a line now and then is never silent, and ends all the same."""
    output = Lines("n1", 1 << 20, 100_000, seconds=0.05)
    with pytest.raises(TooMuchOutput, match="goes on printing"):
        for _ in range(100):
            output.add("x")
            time.sleep(0.01)
