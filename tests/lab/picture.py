"""`python -m tests.lab.picture FILE.svg COMMAND…`: a picture of a real run in a real terminal.

The command runs in tmux at 100×24; the picture is the screen at a chosen moment (--after), colours included. With
--screen it is of screens that were kept during a run, such as those of the wizard's test (KINSTALL_SCREENS).
"""

from __future__ import annotations

import argparse
import io
import re
import shlex
import subprocess
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH, HEIGHT = 100, 24


def capture(command: list[str], after: float) -> str:
    """The terminal's content, with its escape sequences, `after` seconds from the command's start."""
    server = ["tmux", "-L", "kinstall-picture"]
    line = f"{shlex.join(command)}; sleep 60"
    subprocess.run([*server, "new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), line], check=True)
    try:
        time.sleep(after)
        return subprocess.run(
            [*server, "capture-pane", "-e", "-p"], check=True, capture_output=True, text=True
        ).stdout.rstrip()
    finally:
        # Only the terminal goes: the command itself is to be ended by its own means first.
        subprocess.run([*server, "kill-server"], check=False)


def picture(screens: list[str], title: str) -> str:
    """SVG of one or several screens, one below the other."""
    width = max((Text.from_ansi(line).cell_len for screen in screens for line in screen.splitlines()), default=WIDTH)
    console = Console(width=width, record=True, file=io.StringIO(), force_terminal=True)
    for screen in screens:
        console.print(Text.from_ansi(screen))
    # The picture brings no fonts from elsewhere: the reader's own monospaced one does.
    return re.sub(r"@font-face \{.*?\}", "", console.export_svg(title=title, theme=MONOKAI), flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--after", type=float, default=12.0, help="seconds (default: %(default)s)")
    parser.add_argument("--title", default="kinstall")
    parser.add_argument("--screen", type=Path, action="append", default=[], help="a kept screen (may be repeated)")
    parser.add_argument("command", nargs="*")
    chosen = parser.parse_args()
    if bool(chosen.screen) is bool(chosen.command):
        parser.error("name either a command or kept screens")
    screens = [path.read_text().rstrip() for path in chosen.screen] or [capture(chosen.command, chosen.after)]
    chosen.file.write_text(picture(screens, chosen.title))


if __name__ == "__main__":
    main()
