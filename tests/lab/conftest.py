"""The lab for pytest: `lab` for the session, `bare_hosts(n)` for hosts on which nothing was installed yet.

Several pytest workers share the one lab of the machine, each with hosts of its own: most of a test's time is waiting.
"""

import os
from collections.abc import Callable

import pytest

from tests.conftest import together
from tests.lab.api import Lab, why_not
from tests.lab.hosts import Host

_FOUND_UP = pytest.StashKey[bool]()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_sessionstart(session: pytest.Session) -> None:
    if not _is_worker(session.config):
        session.config.stash[_FOUND_UP] = bool(Lab().hosts)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The lab goes when all are done, unless it was up before: that one stays somebody's; or KINSTALL_LAB_KEEP=1."""
    if _is_worker(session.config) or session.config.stash[_FOUND_UP] or os.environ.get("KINSTALL_LAB_KEEP") == "1":
        return
    if (lab := Lab()).hosts:
        lab.down()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """A cluster at which no further test looks still takes a third of a core from the others: its hosts are cut off."""
    ends = nextitem is None or together(nextitem.nodeid) != together(item.nodeid)
    if ends and os.environ.get("KINSTALL_LAB_KEEP") != "1" and not why_not():
        Lab().cut_off()


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The running lab."""
    if reason := why_not():
        if os.environ.get("CI"):
            pytest.fail(f"CI must run the lab's tests, but {reason}")
        pytest.skip(reason)
    return Lab()


@pytest.fixture
def bare_hosts(lab: Lab) -> Callable[[int], list[Host]]:
    """`bare_hosts(2)`: the first two hosts, their disks as after their first boot."""
    return lab.bare_hosts
