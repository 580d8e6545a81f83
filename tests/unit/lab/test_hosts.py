"""The lab's hosts, as far as they can be looked at without booting one."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab import boot_report
from tests.lab.hosts import BootedTwice, Host
from tests.lab.shell import LabError


@dataclass(frozen=True)
class Moody(Host):
    """A host that fails to boot as often as `failures` has entries."""

    failures: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def _boot(self) -> None:
        self.done.append("boot")
        if self.failures:
            raise LabError(self.failures.pop())

    def power_off(self, *, clean: bool = False) -> None:
        self.done.append("off")


def host(folder: Path, *failures: str) -> Moody:
    return Moody("no-such-host", 999, folder, folder, folder, list(failures))


def test_a_host_that_hangs_is_booted_once_more_and_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was off in between, and both the terminal and pytest's warnings have what was seen."""
    moody = host(tmp_path, "h: no sshd after 60 s: what it did")
    with pytest.warns(BootedTwice, match="what it did"):
        moody.power_on()
    assert moody.done == ["boot", "off", "boot"]
    assert "what it did" in (told := capsys.readouterr().err)
    assert "IS BOOTED A SECOND TIME" in told


def test_a_host_that_hangs_twice_is_a_failure(tmp_path: Path) -> None:
    """There is no third try, and the second one's words are what is raised."""
    moody = host(tmp_path, "second", "first")
    with pytest.warns(BootedTwice, match="first"), pytest.raises(LabError, match="second"):
        moody.power_on()
    assert moody.done == ["boot", "off", "boot"]


def test_a_host_that_boots_is_not_mentioned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is told of what went well."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        host(tmp_path).power_on()
    assert capsys.readouterr().err == ""


def test_the_report_of_a_host_that_is_not_there_has_all_its_parts(tmp_path: Path) -> None:
    """Whatever cannot be asked is told as such; the console's words are there."""
    (tmp_path / "console.log").write_text("Failed to mount something\n")
    told = boot_report.report(host(tmp_path))
    assert "Failed to mount something" in told
    assert "there is no PID 1" in told
    for command in ("ip -d link show kin-no-such-host", "ip neigh show", "/proc/loadavg"):
        assert command in told
