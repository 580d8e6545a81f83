"""How tests are spread over pytest's workers (`make test` has several), and which of them may be skipped."""

import os
from collections.abc import Callable, Generator
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


_MAY_BE_SKIPPED_IN_CI = (
    "root may read everything",  # what another user may not read is shown where tests run as one
    "no virtual terminal of the kernel",  # a console is the machine's, not a program to install
    "no btrfs",  # in the kernel; tools.sh sees to its program
    "there is no Python ",  # each interpreter that the machine has is tried
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that is skipped for want of something has failed: packaging/tools.sh or the lab should have it."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(_MAY_BE_SKIPPED_IN_CI):
            report.outcome = "failed"
            report.longrepr = (
                f"{reason}\nCI runs every test: what this one needs is to be installed (packaging/tools.sh)"
            )
    return report
