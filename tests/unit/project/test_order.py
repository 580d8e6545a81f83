"""In which order the tests run, and which of them stay together."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.conftest import pytest_collection_modifyitems, together

ROOT = Path(__file__).parents[3]


def items(*names: str) -> list[Any]:
    """Tests of these files; a name that begins with ! is a slow one's."""

    def item(name: str, slow: bool) -> Any:
        return SimpleNamespace(
            nodeid=f"{name}::test_x", path=ROOT / name, get_closest_marker=lambda name: name if slow else None
        )

    return [item(name.removeprefix("!"), name.startswith("!")) for name in names]


def test_what_shares_a_cluster_stays_together() -> None:
    """A folder with one cluster is one group, any other file is its own."""
    life = [together(f"tests/lab/life/test_{n}.py::test_x[a]") for n in (1, 2)]
    assert life[0] == life[1] != together("tests/lab/test_kill.py::test_x")
    assert together("tests/unit/test_a.py::test_x") != together("tests/unit/test_b.py::test_x")
    assert together("tests/unit/test_a.py::test_x") == together("tests/unit/test_a.py::test_y")
    typed = [together(f"tests/screens/test_generated.py::test_typed[{n}]") for n in (1, 2)]
    assert typed[0] != typed[1], "minutes of one core that two can share"


def test_the_longest_begin_first_and_keep_their_order() -> None:
    """The cluster's life and the killed runs, then the lab's others; of those without hosts the slow ones first."""
    found = items(
        "tests/unit/test_a.py",
        "tests/lab/test_bad_hosts.py",
        "tests/lab/life/test_1.py",
        "tests/lab/life/test_2.py",
        "tests/lab/test_kill.py",
        "!tests/screens/test_s.py",
    )
    pytest_collection_modifyitems(found)
    assert [item.path.name for item in found] == [
        "test_1.py",
        "test_2.py",
        "test_kill.py",
        "test_bad_hosts.py",
        "test_s.py",
        "test_a.py",
    ]
