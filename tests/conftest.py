"""How tests are spread over pytest's workers (`make test` has several)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

_LAB = Path(__file__).parent / "lab"
_ONE_CLUSTER = "tests/lab/life/"
_LONGEST = (_ONE_CLUSTER, "tests/lab/test_kill.py", "tests/lab/test_secrets.py")
"""They begin first: whatever begins last decides when everything is done."""


def together(nodeid: str) -> str:
    """What a test shares its cluster with: its file, or a folder. All of it stays on one worker and in its order."""
    return _ONE_CLUSTER if nodeid.startswith(_ONE_CLUSTER) else nodeid.partition("::")[0]


class _Together(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Callable[..., None]) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return _Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lab's tests go first, the longest ones before all: they mostly wait, and the others fill the gaps."""
    items.sort(key=lambda item: (_LAB not in item.path.parents, together(item.nodeid) not in _LONGEST))
