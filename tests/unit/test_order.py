"""In which order the tests run, and which of them stay together."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.conftest import pytest_collection_modifyitems, together

ROOT = Path(__file__).parents[2]


def items(*names: str) -> list[Any]:
    return [SimpleNamespace(nodeid=f"{name}::test_x", path=ROOT / name) for name in names]


def test_what_shares_a_cluster_stays_together() -> None:
    """A folder with one cluster is one group, any other file is its own."""
    life = [together(f"tests/lab/life/test_{n}.py::test_x[a]") for n in (1, 2)]
    assert life[0] == life[1] != together("tests/lab/test_kill.py::test_x")
    assert together("tests/unit/test_a.py::test_x") != together("tests/unit/test_b.py::test_x")


def test_the_longest_begin_first_and_keep_their_order() -> None:
    """The cluster's life and the killed runs, then the lab's other tests, then those without hosts."""
    found = items(
        "tests/unit/test_a.py",
        "tests/lab/test_bad_hosts.py",
        "tests/lab/life/test_1.py",
        "tests/lab/life/test_2.py",
        "tests/lab/test_kill.py",
    )
    pytest_collection_modifyitems(found)
    assert [item.path.name for item in found] == [
        "test_1.py",
        "test_2.py",
        "test_kill.py",
        "test_bad_hosts.py",
        "test_a.py",
    ]
