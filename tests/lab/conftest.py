"""The lab for pytest: `lab` for the session, `bare_hosts(n)` for hosts on which nothing was installed yet."""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.lab.api import Lab, why_not
from tests.lab.hosts import Host


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab with three hosts; gone at the end unless it was up before, or KINSTALL_LAB_KEEP=1."""
    if reason := why_not():
        if os.environ.get("CI"):
            pytest.fail(f"CI must run the lab's tests, but {reason}")
        pytest.skip(reason)
    running = Lab()
    found_up = bool(running.hosts)
    try:
        yield running.up()
    finally:
        # A lab that someone had up before stays theirs.
        if not found_up and os.environ.get("KINSTALL_LAB_KEEP") != "1":
            running.down()


@pytest.fixture
def bare_hosts(lab: Lab) -> Callable[[int], list[Host]]:
    """`bare_hosts(2)`: the first two hosts, their disks as after their first boot."""
    return lab.bare_hosts
