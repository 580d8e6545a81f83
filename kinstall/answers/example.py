"""The answers files to start from, which come with the program."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import takewhile

DEFAULT = "minimal"


def names() -> tuple[str, ...]:
    """Names of the examples, the one to start from first."""
    found = sorted(each.name.removesuffix(".yaml") for each in _folder().iterdir() if each.name.endswith(".yaml"))
    return (DEFAULT, *(name for name in found if name != DEFAULT))


def text(name: str) -> str:
    """The example of one of the names()."""
    return _folder().joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def about(name: str) -> str:
    """What the example is for: the first sentence of the comment that it begins with."""
    comment = takewhile(lambda line: line.startswith("# "), text(name).splitlines())
    return " ".join(line[2:] for line in comment).partition(". ")[0].rstrip(".")


def _folder() -> Traversable:
    return files("kinstall.answers").joinpath("examples")
