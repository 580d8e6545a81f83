"""The sh functions that the programs on a node are made of: `.sh` files beside this module."""

from __future__ import annotations

import re
from importlib.resources import files

from kinstall.engine.diff import STATE

SEPARATOR = "\x1e"
RUN = "/run/kinstall"
LOCK_SECONDS = 900
EXIT_BUSY = 75
EXIT_STOPPED = 76

_COMMENTS = re.compile(r"^ *#.*\n|^\n", re.MULTILINE)


def functions(name: str, package: str = "kinstall.engine") -> str:
    """The text of a package's NAME.sh, without comments and empty lines: it goes to nodes with every program."""
    return _COMMENTS.sub("", files(package).joinpath(f"{name}.sh").read_text(encoding="utf-8"))


HEAD = (
    f"STATE={STATE} RUNDIR={RUN} LOCK_SECONDS={LOCK_SECONDS} EXIT_BUSY={EXIT_BUSY} EXIT_STOPPED={EXIT_STOPPED}\n"
    + functions("common")
)
"""What every program begins with."""
