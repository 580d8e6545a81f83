"""What operators read is plain English: a short list of words and phrases that read as if translated is kept out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.unit.project.test_layout import ROOT, committed, sources

PHRASES = {
    r"\banew\b": "again",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\b(was|is|were|are|be|been) told\b|\btold by\b|\bit tells\b|\bis told\b": "report, print, say",
    r"(?<!here )\bis no (?!longer\b|more\b|such\b|different\b|better\b|worse\b|need\b)": "is not a valid …, is not …",
    r"\botherwise than\b|\bsays otherwise\b|\bhas otherwise\b": "different from",
    r"\bsomebody else's\b|\bof somebody's\b": "third-party, another user's",
    r"\bis ill\b|\bare ill\b": "is not healthy",
    r"\bbroken? off\b": "interrupted",
    r"\b(can|could|cannot|can't) be had\b": "is available",
    r"\bnot looked at\b": "not checked",
    r"\bgiven up\b|\bgives up on\b": "timed out, abandoned",
    r"\bauthorit(y|ies) of (your|one's|its) own\b": "your own CA",
    r"\bstands (already|in it|there)\b": "already exists, is there",
    r"\bis there already\b": "already exists",
    r"\bas (its|their) file has (it|them)\b": "as YAML, as written in the file",
    r"\bwants (its|a|the|no)\b": "needs",
}


def words_in_code(path: Path) -> Iterator[tuple[int, str]]:
    """Literals that may reach a person: strings with a blank in them that are not documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {  # a string that is a statement: of a module, class or function, or below a field
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in documentation else None
        if isinstance(text, str) and " " in text:
            yield getattr(node, "lineno", 0), text


def texts() -> Iterator[tuple[str, str]]:
    """(place, text) of everything that operators read: messages, help, pages, examples."""
    for path in sources():
        for line, text in words_in_code(path):
            yield f"{path.relative_to(ROOT)}:{line}", text
    pages = [ROOT / "README.md", ROOT / "docs" / "answers.md"]
    for path in [*pages, *(each for each in committed() if each.parent == ROOT / "kinstall/answers/examples")]:
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{line}", text


def test_nobody_reads_a_translation() -> None:
    """None of the phrases is in a message, a help text, the README, the reference or an example."""
    found = [
        f"{place}: {match[0]!r}: rather {instead}"
        for place, text in texts()
        for phrase, instead in PHRASES.items()
        for match in re.finditer(phrase, text, re.IGNORECASE)
    ]
    assert found == [], "\n".join(found)


def test_messages_are_read_and_docstrings_are_not() -> None:
    """The collector itself: it sees this project's messages, and leaves documentation of the code alone."""
    found = dict(texts())
    assert len(found) > 1000
    assert any(place.startswith("kinstall/cli/") for place in found)
    assert not any(text.startswith("The command line:") for text in found.values())
