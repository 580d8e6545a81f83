"""Text from nodes, files and servers leaves the program by few ways, each of which makes it harmless."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = sorted(path for room in ("kinstall", "screens") for path in (ROOT / room).rglob("*.py"))
WIDGETS = {"Static", "Label", "OptionList"}
"""Widgets that read their text as markup unless they are told not to."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """(name of what is called, call) of a source file; of `a.b.c()` the name is `a.b.c`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def test_only_commands_print_and_main_cleans_what_they_print() -> None:
    """`print` and `input` are in kinstall/cli only, whose main() makes the streams harmless around every command."""
    elsewhere = [
        where(path, call)
        for path in SOURCES
        for name, call in calls(path)
        if name in ("print", "input") and "cli" not in path.relative_to(ROOT).parts
    ]
    assert elsewhere == []
    main = ast.parse((ROOT / "kinstall/cli/main.py").read_text("utf-8"))
    function = next(node for node in main.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    *_, last = function.body
    assert isinstance(last, ast.With) and ast.unparse(last.items[-1]) == "harmless_streams()"
    assert [ast.unparse(statement) for statement in last.body] == ["return _run(chosen)"]
    assert "print(" not in "".join(map(ast.unparse, function.body))


def test_nothing_goes_around_the_cleaned_streams() -> None:
    """No console of rich's own, no bytes, no stream of the interpreter's start: these would not be cleaned."""
    around = []
    for path in SOURCES:
        own = path == ROOT / "kinstall/terminal/console.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = ast.unparse(node) if isinstance(node, (ast.Attribute, ast.ImportFrom)) else ""
            if text in ("sys.__stdout__", "sys.__stderr__", "sys.stdout.buffer", "sys.stderr.buffer"):
                around.append(where(path, node))
            if isinstance(node, ast.ImportFrom) and node.module in ("rich.console", "rich") and not own:
                around += [where(path, node) for name in node.names if name.name in ("Console", "print", "get_console")]
            if isinstance(node, ast.ImportFrom) and any(name.name == "raw" for name in node.names) and not own:
                around.append(where(path, node))
    assert around == []


def test_no_widget_reads_foreign_text_as_markup() -> None:
    """What is no literal is shown with markup off; a selection, which has no such switch, gets Content."""
    wrong = []
    for path in SOURCES:
        for name, call in calls(path):
            literal = all(isinstance(argument, ast.Constant) for argument in call.args)
            off = any(word.arg == "markup" and ast.unparse(word.value) == "False" for word in call.keywords)
            if name in WIDGETS and not off and not (literal and call.args):
                wrong.append(where(path, call))
            if name == "Selection" and not ast.unparse(call.args[0]).startswith("Content("):
                wrong.append(where(path, call))
            if name.endswith("notify") and any(word.arg == "markup" and not off for word in call.keywords):
                wrong.append(where(path, call))
    assert wrong == []
