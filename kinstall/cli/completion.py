"""`kinstall completion`: a script with which a shell completes commands, made from the declaration of the command line.

`python -m kinstall.cli.completion FOLDER` writes the scripts and the manual page, for packages.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import shtab

from kinstall.cli.man import man_page
from kinstall.cli.parser import command_line, commands_of

FILES = {"bash": "kinstall.bash", "zsh": "_kinstall", "fish": "kinstall.fish"}
"""Shell → name of the file in which it looks for kinstall's completions."""

_FILES = ("ANSWERS", "FILE")
_FOLDERS = ("DIR",)


def completion(chosen: argparse.Namespace) -> int:
    """For a file where the shell looks, or for `source <(kinstall completion bash)`."""
    print(completion_script(chosen.shell), end="")
    return 0


def completion_script(shell: str) -> str:
    """What a shell of FILES has to source to complete commands, options, choices, files and folders."""
    parser = command_line()
    for each in (parser, *commands_of(parser).values()):
        _mark_paths(each)
    return shtab.complete(parser, shell)


def _mark_paths(parser: argparse.ArgumentParser) -> None:
    """Mark the arguments that are files or folders, which their metavars say."""
    for action in parser._actions:
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]


def write_all(folder: Path) -> None:
    """Write `kinstall.1` and a completion script per shell."""
    for shell, name in FILES.items():
        (folder / name).write_text(completion_script(shell), "utf-8")
    (folder / "kinstall.1").write_text(man_page(), "utf-8")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
