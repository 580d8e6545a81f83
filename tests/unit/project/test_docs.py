"""The pages that are made from the code: they say what it says now."""

import pytest

from kinstall.answers.fields import describe_keys
from tests.docs import DOCS, pages
from tests.docs.coverage import marks, rows

AGAIN = "is not what the types and the tests say now: run `make docs` and commit the page"


@pytest.mark.parametrize("name", pages())
def test_a_page_is_what_its_generator_writes(name: str) -> None:
    """Whoever adds a key or a `covers` mark and forgets the page is told how to write it."""
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], f"docs/{name} {AGAIN}"


def test_the_reference_has_each_key_once() -> None:
    """A line per key, with its choices, default, version and rows of the guide."""
    lines = [line for line in pages()["answers.md"].splitlines() if line.startswith("| `")]
    assert len(lines) == len({line.split("`")[1] for line in lines}) == len(describe_keys())
    assert (
        "| `networking.nodeCIDRMaskSize` | a whole number | `24` | 0.1 | 3 | each node gets a range of this size |"
        in (lines)
    )
    mode = next(line for line in lines if line.startswith("| `security.mode` "))
    assert '| `"https"` | 0.1 | 14, 15 | how the API is protected:<br>`https`: certificates for everything' in mode
    assert "<br>`http`: also plain HTTP" in mode
    networks = next(line for line in lines if line.startswith("| `security.trustedNetworks` "))
    assert networks.endswith("<br>only with `mode`: `http` |")
    assert "| `nodes[].name` | text | must be given |" in "\n".join(lines)


def test_the_guides_rows_are_numbered_in_order_and_named_by_keys() -> None:
    """No row is missing or twice, and no key or mark belongs to a row that is not there."""
    numbers = [row.number for row in rows()]
    assert numbers == list(range(1, 44))
    assert {row for key in describe_keys() for row in key.guide} <= set(numbers)


def test_marks_are_read_wherever_pytest_takes_them() -> None:
    """On a test, on a class, on one of a test's cases, and on the whole module."""
    source = """
pytestmark = pytest.mark.covers(1)

@pytest.mark.covers(2, 3)
def test_a(): ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.covers(4)), 2])
def test_b(x): ...

@pytest.mark.covers(5)
class TestC: ...
"""
    assert set(marks(source)) == {("", 1), ("test_a", 2), ("test_a", 3), ("test_b", 4), ("TestC", 5)}


def test_what_nothing_shows_is_open() -> None:
    """A row without a mark says so in its line and in the table at the top; the marks' rows all exist."""
    page = pages()["coverage.md"]
    lines = {line.split()[1]: line for line in page.splitlines() if line[:3].strip("| ").isdigit()}
    assert len(lines) == len(rows())
    unmarked = {number for number, line in lines.items() if line.endswith("| **open** |")}
    (told,) = (line for line in page.splitlines() if line.startswith("| open |"))
    assert set(told.removeprefix("| open |").strip(" |").replace("none", "").split(", ")) - {""} == unmarked
    assert ("| **open** |" in page) == bool(unmarked)
