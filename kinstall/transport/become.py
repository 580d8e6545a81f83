"""What the node's login shell is asked to run: a bootstrap that reads the program from standard input, as root.

Pure text. The login shell may be any (fish, csh): everything is in single quotes without quotes, exclamation
marks or line ends in them, where all shells agree. Only the program's length and a random mark are in the arguments.

The mark frames the program's output: what comes before the first mark (a chatty start-up file) is not the program's,
and neither is what comes on the standard error (sudo's lecture), because the bootstrap joins the program's own two
outputs. The last mark has the exit status, so that nobody waits for a background child that keeps the output open.

The bootstrap reads exactly the program (dd, unlike head, never reads ahead) and then the mark again: a program that
was cut short by a broken connection is never run. It is kept in memory, not in a file: asking a node something leaves
no trace there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from kinstall.wording import LONGEST_WORDS, cut

STARTED = "+"
INCOMPLETE = "-"
ENDED = "="


@dataclass(frozen=True, slots=True)
class Become:
    """How to become root: `sudo` at all, with its `password` sent first, and inside a terminal (`requiretty`)."""

    sudo: bool = False
    password: bool = False
    tty: bool = False


def bootstrap(length: int, mark: str) -> str:
    """sh text that reads a program of `length` bytes and a line `MARK.` from its input, and runs the program.

    The program has the rest of the input and umask 022; its standard error goes where its standard output goes.
    """
    return f"mark={mark}; length={max(length, 1)}; {_one_line('bootstrap.sh')}"


@cache
def _one_line(name: str) -> str:
    """The text of a script beside this module, without its comments, in one line: csh takes no more in quotes."""
    lines = files("kinstall.transport").joinpath(name).read_text(encoding="utf-8").splitlines()
    return " ".join(line for line in lines if not line.startswith("#"))


def framed(program: str, mark: str) -> tuple[int, bytes]:
    """The length for `bootstrap`, and the bytes that come first on its input."""
    text = program.encode() + b"\n"
    return len(text), text + f"{mark}.\n".encode()


def command(become: Become, boot: str) -> str:
    """The command for the login shell: `boot` under sh, as root."""
    if not become.sudo:
        return f"exec sh -c '{boot}'"
    # -k with a command ignores a cached login: else sudo would leave the password to the shell, which would run it.
    sudo = 'sudo -k -S -p ""' if become.password else "sudo -n"
    if not become.tty:
        return f"exec env LC_ALL=C {sudo} -- sh -c '{boot}'"
    return _in_terminal(boot, f'exec {sudo} -- sh -c "$KINSTALL"')


def _in_terminal(text: str, inner: str) -> str:
    """The command that runs `inner` with `text` as $KINSTALL in a new terminal.

    sudo looks for a controlling terminal, not for one on its input: script makes it, the data goes past it.
    """
    quoted = f"{inner} <&3 >&4 2>&4".replace('"', '\\"').replace("$", "\\$")
    return (
        f"exec env LC_ALL=C SHELL=/bin/sh KINSTALL='{text}' "
        f"sh -c 'exec script -qec \"{quoted}\" /dev/null 3<&0 4>&1 </dev/null >/dev/null'"
    )


ASKS, OPEN, ACCEPTED = "ask", "open", "accepted"


def probe(mark: str, tty: bool = False) -> str:
    """The command that finds out whether sudo asks for the password: prints MARKopen, or MARKask and reads it.

    After the password it prints MARKaccepted where that was right. Nothing else may be on the input: sudo would take
    it for a second guess.
    """
    text = f"mark={mark}; {_one_line('sudo.sh')}"
    if not tty:
        return f"exec env LC_ALL=C sh -c '{text}'"
    return _in_terminal(text, 'exec sh -c "$KINSTALL"')


def needs_terminal(said: str) -> bool:
    """Whether sudo refused because of `Defaults requiretty`."""
    return "must have a tty" in said


_REFUSALS = (
    (r"sudo: (?:command )?not found|sudo: No such file|Unknown command:? sudo|env: .sudo.", "there is no sudo on it",
     "log in as root, or install sudo"),
    (r"not in the sudoers|may not run sudo|not allowed to (?:execute|run)|I'm afraid I can't do that",
     "sudo does not allow {user} to run sh as root",
     "add a sudoers rule `{user} ALL=(ALL:ALL) ALL`, or log in as root"),
    (r"must have a tty", "sudo insists on a terminal (requiretty), and there is no script program to make one",
     "add `Defaults:{user} !requiretty` to the sudoers"),
    (r"Sorry, try again|incorrect (?:password )?attempt|[Aa]uthentication failed|incorrect password",
     "sudo refuses the password of {user}", "correct the secret that ssh.sudoPassword refers to"),
    (r"password is required|authentication is required|no password was provided|terminal is required",
     "sudo asks {user} for a password, and none was given",
     "set ssh.sudoPassword to a reference (env:NAME, file:PATH or prompt:)"),
    (r"account.*(?:expired|locked)|password.*expired", "the account of {user} has expired", "renew it on the host"),
)  # fmt: skip


def explain(said: str, user: str) -> tuple[str, str]:
    """What happened and a remedy, from what the node said instead of running the bootstrap."""
    for pattern, what, remedy in _REFUSALS:
        if re.search(pattern, said):
            return what.format(user=user), remedy.format(user=user)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        return f"the login of {user} ended before anything could be run", f"see what `ssh {user}@HOST true` says"
    words = cut(" / ".join(lines[-3:]), LONGEST_WORDS)
    return (
        f"the login of {user} ended before anything could be run; it said: {words}",
        f"{user} needs a login shell that runs commands",
    )
