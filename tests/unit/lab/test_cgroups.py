"""The lab's cgroups, in a folder that stands for the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import cgroups


def test_the_lab_has_the_weight_of_many_and_its_hosts_are_equals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One group of all hosts would otherwise get as much of the processor as a single shell beside it."""
    (tmp_path / "kinstall-lab/h1").mkdir(parents=True)
    for place in ("kinstall-lab", "kinstall-lab/h1"):
        (tmp_path / place / "cpu.shares").write_text("1024")
    monkeypatch.setattr(cgroups, "_hierarchies", lambda: [(tmp_path, "/")])
    assert cgroups.create("h1") == [tmp_path / "kinstall-lab/h1"]
    assert int((tmp_path / "kinstall-lab/cpu.shares").read_text()) == 8 * 1024
    assert (tmp_path / "kinstall-lab/h1/cpu.shares").read_text() == "1024"
    assert not (tmp_path / "kinstall-lab/cpu.weight").exists(), "what the kernel does not have is not made up"
