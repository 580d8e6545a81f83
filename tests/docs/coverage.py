"""docs/coverage.md: the rows of coverage.toml, each with the tests that say they show it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
ON_HOSTS = "lab/"
"""Where tests install onto real hosts, below TESTS."""

_HEAD = """\
<!-- made from tests/docs/coverage.toml and the tests' `covers` marks by `make docs`: do not edit -->

# What the custom-cluster guide asks for

kinstall does for a supported release of Kubernetes what the custom-cluster guide explained for 1.2. A row works when a
test on real hosts shows it; a test says so with `@pytest.mark.covers(row, …)`. What no test shows is open, whatever
the code may do.

| rows | which |
|---|---|
| shown on real hosts | {hosts} |
| shown only without hosts | {without} |
| open | {open} |

| # | the guide | today | shown by |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    guide: str
    today: str


def rows() -> list[Row]:
    """The guide's decisions, in its order."""
    data = tomllib.loads((Path(__file__).parent / "coverage.toml").read_text(encoding="utf-8"))
    return [Row(**row) for row in data["row"]]


def page() -> str:
    """The page's whole text."""
    wanted, shown = rows(), _shown()
    with_hosts = {number for number, tests in shown.items() if any(test.startswith(ON_HOSTS) for test in tests)}
    states = {
        "hosts": [row.number for row in wanted if row.number in with_hosts],
        "without": [row.number for row in wanted if row.number in shown.keys() - with_hosts],
        "open": [row.number for row in wanted if row.number not in shown],
    }
    head = _HEAD.format(**{state: ", ".join(map(str, numbers)) or "none" for state, numbers in states.items()})
    return head + "".join(_line(row, shown.get(row.number, [])) for row in wanted)


def _line(row: Row, tests: list[str]) -> str:
    shown = "<br>".join(f"`{test}`" for test in tests) or "**open**"
    return f"| {row.number} | {row.guide} | {row.today} | {shown} |\n"


def _shown() -> dict[int, list[str]]:
    """Row → the tests that show it, as paths below tests/ with the test's name."""
    found: dict[int, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for test, row in marks(path.read_text(encoding="utf-8")):
            place = f"{path.relative_to(TESTS)}{test and f'::{test}'}"
            if place not in found.setdefault(row, []):
                found[row].append(place)
    return found


def marks(source: str) -> Iterator[tuple[str, int]]:
    """(test, row) of each `covers` mark in a module; the test is "" where the mark is the module's."""
    for top in ast.parse(source).body:
        name = top.name if isinstance(top, ast.FunctionDef | ast.ClassDef) else ""
        for node in ast.walk(top):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.covers":
                yield from ((name, int(ast.literal_eval(row))) for row in node.args)
