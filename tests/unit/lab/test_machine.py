"""Listings of the machine that the lab runs on."""

import subprocess
import sys

import pytest

from tests.lab import machine
from tests.lab.snapshot import difference


def test_what_comes_and_goes_is_seen() -> None:
    """A process that is started is in the next listing, and one that ended is not; the listing's own are in none."""
    before = machine.listing()
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60) # a-process-of-this-test"])
    try:
        told = [line for line in difference(before, machine.listing()) if "a-process-of-this-test" in line]
    finally:
        other.kill()
        other.wait()
    assert len(told) == 1 and told[0].startswith("+ process: ")
    assert not any("a-process-of-this-test" in key for key in machine.listing())
    assert {key.split(":")[0] for key in before if ":" in key} >= {"link", "mount", "process"}


def test_a_command_that_fails_ends_it(capfd: pytest.CaptureFixture[str]) -> None:
    """What comes after it is not run, and the exit code tells."""
    assert machine.main(["exit 3", "echo never"]) == 1
    assert "never" not in capfd.readouterr().out
