"""kinstall.pyz for the lab's tests: built once for a state of the sources, by `make pyz`'s own program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.lab import cache
from tests.lab.shell import run

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENT = ".venv-pyz"
_SOURCES = ("kinstall", "assets", "screens", "packaging")


def pyz() -> Path:
    """The file; a first build takes a minute and needs a package index."""
    return entry() / "kinstall.pyz"


def entry() -> Path:
    """The folder with the file and what comes with it."""
    texts = {str(path.relative_to(REPOSITORY)): path.read_text() for path in _inputs()}
    return cache.entry("pyz", cache.key_of(texts, sys.version_info[:2]), build)


def build(output: Path, repository: Path = REPOSITORY) -> None:
    """What `make pyz` does, into another folder than dist/."""
    tools = "packaging/requirements-pyz.txt"
    run([REPOSITORY / "packaging/environment.sh", ENVIRONMENT, tools], cwd=REPOSITORY)
    run([REPOSITORY / ENVIRONMENT / "bin/python", repository / "packaging/pyz.py", "--output", output], cwd=repository)


def _inputs() -> Iterator[Path]:
    yield from (REPOSITORY / "pyproject.toml", REPOSITORY / "README.md")
    for folder in _SOURCES:
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.is_file() and path.suffix in (".py", ".sh", ".txt", ".yaml", ".tcss"):
                yield path
