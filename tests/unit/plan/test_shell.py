"""The plan's shell code that is in files of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kinstall import plan

FILES = sorted(Path(plan.__file__).parent.rglob("*.sh"))


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(path: Path) -> None:
    """Each file by itself: it says what its variables are."""
    ran = subprocess.run(["shellcheck", "--severity=style", str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_shell_reads_it(path: Path, shell: str) -> None:
    """Those that nodes may have as their sh."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    words = {"bash": ["bash", "--posix", "-n"], "busybox": ["busybox", "sh", "-n"]}.get(shell, [shell, "-n"])
    ran = subprocess.run([*words, str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
