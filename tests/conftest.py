"""How tests are spread over pytest's workers (`make test` has several)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

_LAB = Path(__file__).parent / "lab"
_ONE_CLUSTER = "tests/lab/life/"
_LONGEST = (_ONE_CLUSTER, "tests/lab/test_kill.py", "tests/lab/test_secrets.py")
"""They begin first: whatever begins last decides when everything is done."""


_NOTHING_SHARED = "tests/screens/test_generated.py"
"""Long, and each of its tests stands alone."""


def together(nodeid: str) -> str:
    """What a test shares its cluster with: its file, or a folder. All of it stays on one worker and in its order."""
    if nodeid.startswith(_NOTHING_SHARED):
        return nodeid
    return _ONE_CLUSTER if nodeid.startswith(_ONE_CLUSTER) else nodeid.partition("::")[0]


class _Together(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Callable[..., None]) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return _Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lab's tests go first, the longest ones before all: they mostly wait, and the others fill the gaps. Of those,
    too, the slow ones begin first."""

    def rank(item: pytest.Item) -> tuple[bool, bool]:
        in_lab = _LAB in item.path.parents
        first = together(item.nodeid) in _LONGEST if in_lab else item.get_closest_marker("slow") is not None
        return not in_lab, not first

    items.sort(key=rank)
