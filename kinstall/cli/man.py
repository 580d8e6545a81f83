"""`kinstall man`: the manual page, made from the declaration of the command line (man(7) macros)."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from kinstall import __version__
from kinstall.cli.parser import EXIT_CODES, command_line, commands_of


def man(chosen: argparse.Namespace) -> int:
    """For `man -l -`, or for a file where man looks."""
    print(man_page(), end="")
    return 0


def man_page() -> str:
    """The text of kinstall.1."""
    parser = command_line()
    for each in (parser, *commands_of(parser).values()):
        setattr(each, "color", False)  # noqa: B010 - Python 3.14 would colour the usage lines
    lines = [
        f'.TH KINSTALL 1 "" "kinstall {__version__}" "User Commands"',
        ".SH NAME",
        r"kinstall \- build a Kubernetes cluster on your own machines, over SSH",
        ".SH SYNOPSIS",
        ".B kinstall",
        "[\\fB\\-\\-answers\\fR \\fIFILE\\fR] [\\fB\\-\\-state\\fR \\fIDIR\\fR]",
        ".br",
        ".B kinstall",
        r"\fICOMMAND\fR [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        _escaped(parser.description or ""),
        ".PP",
        "Without a command the wizard starts.",
        ".SH OPTIONS",
        *_arguments(parser),
        ".SH COMMANDS",
    ]
    for command in commands_of(parser).values():
        usage = " ".join(command.format_usage().removeprefix("usage: ").split())
        lines += [f'.SS "{_escaped(usage)}"', _escaped(command.description or ""), *_arguments(command)]
        if command.epilog:
            lines += [".PP", _escaped(command.epilog)]
    lines += [".SH EXIT STATUS", _escaped(f"{EXIT_CODES}.")]
    return "\n".join(lines) + "\n"


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    """A paragraph for each option and operand that has a help text."""
    formatter = parser._get_formatter()
    for action in parser._actions:
        if not action.help or isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        yield ".TP"
        yield _term(action.option_strings, formatter._format_args(action, str(action.metavar or action.dest)))
        yield _escaped(formatter._expand_help(action))


def _term(options: Iterable[str], operand: str) -> str:
    names = ", ".join(f"\\fB{_escaped(option)}\\fR" for option in options)
    return f"{names} \\fI{_escaped(operand)}\\fR".strip() if operand else names


def _escaped(text: str) -> str:
    """Text that no macro and no escape is read from: `\\`, `-`, and a line that begins with `.` or `'` (man(7))."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())
