"""How tests are spread over pytest's workers (`make test` has several)."""

from pathlib import Path

import pytest

_LAB = Path(__file__).parent / "lab"
_ONE_CLUSTER = _LAB / "life"


def pytest_itemcollected(item: pytest.Item) -> None:
    """The tests of a file, or of a folder that shares a cluster, stay together on one worker and in their order."""
    together = _ONE_CLUSTER if _ONE_CLUSTER in item.path.parents else item.path
    item.add_marker(pytest.mark.xdist_group(str(together.relative_to(_LAB.parent))))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lab's tests go first: they mostly wait, and the others fill the gaps."""
    items.sort(key=lambda item: _LAB not in item.path.parents)
