"""`kinstall help [COMMAND]`: what `--help` prints, for those who type it this way."""

from __future__ import annotations

import argparse

from kinstall.cli.parser import command_line, commands_of


def help(chosen: argparse.Namespace) -> int:  # noqa: A001 - the command's name
    parser = command_line()
    (commands_of(parser)[chosen.about] if chosen.about else parser).print_help()
    return 0
