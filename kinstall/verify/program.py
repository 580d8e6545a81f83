"""Programs for nodes and check pods: the functions in the `.sh` files of this package, and calls of them. Pure text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from shlex import quote

from assets import paths
from kinstall.engine.shell_functions import RUN

_COMMENTS = re.compile(r"^ *#.*\n|^\n", re.MULTILINE)
_KUBECTL = f"folder={RUN} kubectl={paths.KUBECTL_BIN} kubeconfig={paths.ADMIN_CONF}\n"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function: `words` are its name and its arguments, `file` is the `.sh` file that has it.

    `at_once`: in the background. `WAIT` waits for those; until then only single lines come out whole.
    """

    file: str
    words: tuple[str, ...]
    at_once: bool = False

    def __str__(self) -> str:
        return " ".join(map(quote, self.words)) + (" &" if self.at_once else "")


WAIT, DONE = Call("prelude", ("wait",)), Call("prelude", ("report", "done"))


def program(calls: Iterable[Call], *, kubectl: bool = False) -> str:
    """sh code that makes the calls in their order. `kubectl`: whether a function among them calls it."""
    calls = tuple(calls)
    used = dict.fromkeys(["prelude", *(["kubectl"] if kubectl else []), *(call.file for call in calls)])
    return (_KUBECTL if kubectl else "") + "".join(map(_functions, used)) + "".join(f"{call}\n" for call in calls)


@cache
def _functions(name: str) -> str:
    """The text of a `.sh` file without comments: it goes to every node with every program."""
    path = files("kinstall.verify").joinpath(f"{name}.sh")
    return _COMMENTS.sub("", path.read_text(encoding="utf-8"))
