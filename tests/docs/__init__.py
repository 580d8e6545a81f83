"""The pages of docs/ that are made from the code and its tests."""

from pathlib import Path

from tests.docs import answers, coverage

DOCS = Path(__file__).parents[2] / "docs"


def pages() -> dict[str, str]:
    """Name in docs/ → what it must hold."""
    return {"answers.md": answers.page(), "coverage.md": coverage.page()}
