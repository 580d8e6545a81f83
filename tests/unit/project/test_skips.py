"""Nothing is skipped in CI for want of a tool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTS = """
import pytest
@pytest.mark.skipif(True, reason="no such tool")
def test_by_mark(): pass
def test_inside(): pytest.skip("no such tool either")
@pytest.fixture
def tool(): pytest.skip("no such fixture")
def test_by_fixture(tool): pass
def test_allowed(): pytest.skip("root may read everything")
@pytest.mark.xfail
def test_expected(): assert False
def test_run(): pass
"""


@pytest.mark.parametrize(
    ("ci", "last"),
    [("true", "1 failed, 1 passed, 1 skipped, 1 xfailed, 2 errors in "), ("", "1 passed, 4 skipped, 1 xfailed in ")],
)
def test_a_skip_in_ci_is_a_failure(tmp_path: Path, ci: str, last: str) -> None:
    """By a mark, in a test or in a fixture; but for what conftest.py lists. Elsewhere they are skipped."""
    (tmp_path / "test_it.py").write_text(TESTS)
    words = ["-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert last in ran.stdout.splitlines()[-1], ran.stdout
