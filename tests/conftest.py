"""How tests are spread over pytest's workers (`make test` has several)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

_LAB = Path(__file__).parent / "lab"
_ONE_CLUSTER = "tests/lab/life/"


class _Together(LoadScopeScheduling):
    """The tests of a file, or of a folder that shares a cluster, stay on one worker and in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return _ONE_CLUSTER if nodeid.startswith(_ONE_CLUSTER) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Callable[..., None]) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return _Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lab's tests go first: they mostly wait, and the others fill the gaps."""
    items.sort(key=lambda item: _LAB not in item.path.parents)
