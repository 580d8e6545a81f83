"""Commands and options, declared once: for `kinstall --help`, shell completion and the manual page.

Imports the standard library only, so that `kinstall --version` and `--help` take no longer than Python itself.
"""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from kinstall import __version__
from kinstall.plan.phase_names import PHASES
from kinstall.wording import nearest

PARALLEL = 32

WATCHED = 0.12
"""Seconds that each step of a rehearsal takes where somebody watches: three nodes take about 15 s."""

EXAMPLES = ("minimal", "airgapped", "own-parts", "tarball", "tuned")
SHELLS = ("bash", "zsh", "fish")

EXIT_CODES = "0 done, 2 usage or invalid answers, 3 preflight, 4 a node failed, 5 cancelled, 6 verify, 70 a bug"

_STATE = "state folder (default: ~/.local/state/kinstall/CLUSTER)"
_ANSWERS = "the answers file (YAML); - for standard input"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n  see {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """argparse's own says `invalid choice` and lists them all; this asks for the one that was probably meant."""
        if action.choices is None or value in action.choices:
            return
        names = [str(each) for each in action.choices]
        hint = nearest(str(value), [*names, *self._option_string_actions])
        if isinstance(action, argparse._SubParsersAction):
            self.error(f"{value} is not a command; {hint or 'there are ' + ', '.join(names)}")
        what = "/".join(action.option_strings) or action.metavar
        self.error(f"{what} {value}: not one of {', '.join(names)}" + (f"; {hint}" if hint else ""))


def command_line() -> argparse.ArgumentParser:
    """The parser of everything that can be typed after `kinstall`. Its result has `command`, the command's name."""
    parser = _Parser(
        prog="kinstall",
        description="Builds a Kubernetes cluster from scratch on your own machines, over SSH.",
        epilog=f"Exit codes: {EXIT_CODES}.",
    )
    parser.add_argument("--version", action="version", version=f"kinstall {__version__}")
    for_wizard = parser.add_argument_group("the wizard (kinstall without a command)")
    for_wizard.add_argument("--answers", metavar="FILE", dest="wizard_answers", help="answers file to start from")
    for_wizard.add_argument("--state", metavar="DIR", dest="wizard_state", help=_STATE)
    parser.set_defaults(command="wizard", parallel=PARALLEL)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    _replay(commands)
    _plan(commands)
    _preflight(commands)
    _verify(commands)
    _reset(commands)
    _trust(commands)
    _rehearse(commands)
    _render(commands)
    _routes(commands)
    _report(commands)
    _kubeconfig(commands)
    _example(commands)
    _command(commands, "schema", "print the JSON Schema of the answers file", "kinstall schema > answers.schema.json")
    _completion(commands)
    _command(commands, "man", "print the manual page", "kinstall man > kinstall.1")
    _help(commands)
    return parser


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Name → parser of each command, in the order of the help."""
    (choices,) = (each.choices for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return dict(choices)


# A function per command


def _replay(commands: Any) -> None:
    about = "build the cluster, or bring it in line with the answers"
    made = _on_nodes(_command(commands, "replay", about, "kinstall replay demo.yaml"), run=True)
    _until(made)
    made.add_argument("--no-verify", action="store_true", help="skip the checks at the end")
    made.add_argument(
        "--recover-pki", action="store_true", help="read the keys of a running cluster back from its control plane"
    )


def _plan(commands: Any) -> None:
    about = "show what replay would change, with diffs; changes nothing"
    made = _on_nodes(_command(commands, "plan", about, "kinstall plan demo.yaml"))
    made.add_argument("--show-defaults", action="store_true", help="print the answers with every default, and exit")


def _preflight(commands: Any) -> None:
    about = "check all nodes; changes nothing"
    made = _on_nodes(_command(commands, "preflight", about, "kinstall preflight demo.yaml --all"))
    made.add_argument("--all", action="store_true", help="show the checks that passed too")
    made.add_argument("--by-node", action="store_true", help="a row per node, also for what several nodes share")


def _verify(commands: Any) -> None:
    about = "check a running cluster end to end"
    _on_nodes(_command(commands, "verify", about, "kinstall verify demo.yaml --output json"))


def _reset(commands: Any) -> None:
    about = "undo on the nodes exactly what was done there"
    made = _on_nodes(_command(commands, "reset", about, "kinstall reset demo.yaml --yes demo"), run=True)
    made.add_argument("--yes", metavar="NAME", default="", help="confirm with the cluster's name, without a question")
    made.add_argument("--node", metavar="NODE", action="append", default=[], help="only this node (may be repeated)")
    made.add_argument(
        "--forget-pki", action="store_true", help="remove what is kept in the state folder too, with the keys"
    )


def _trust(commands: Any) -> None:
    about = "show the nodes' SSH host keys and keep those you accept"
    made = _on_nodes(_command(commands, "trust", about, "kinstall trust demo.yaml --fingerprint cp1=SHA256:…"))
    made.add_argument(
        "--fingerprint",
        metavar="NODE=SHA256:…",
        action="append",
        default=[],
        help="accept the key with this fingerprint (may be repeated)",
    )


def _rehearse(commands: Any) -> None:
    about = "run a whole replay on simulated hosts: no network, no root, nothing is touched"
    made = _command(commands, "rehearse", about, "kinstall rehearse demo.yaml --fault w1:unreachable@images")
    made.add_argument(
        "answers", metavar="ANSWERS", nargs="?", help=f"{_ANSWERS}; default: a built-in example of three nodes"
    )
    made.add_argument(
        "--fault",
        metavar="NODE:KIND[@PHASE]",
        action="append",
        default=[],
        help="make this go wrong (may be repeated): unreachable, disk-full, wrong-checksum, slow-link",
    )
    _until(made)
    made.add_argument(
        "--pace",
        metavar="SECONDS",
        type=_seconds,
        help=f"how long each step takes (default: {WATCHED} on a terminal, else 0)",
    )
    made.add_argument("--state", metavar="DIR", help="keep the simulated hosts there (default: they are discarded)")
    _for_display(made, run=True)


def _render(commands: Any) -> None:
    about = "write all files of all nodes to a folder"
    made = _with_answers(_command(commands, "render", about, "kinstall render demo.yaml out"))
    made.add_argument("folder", metavar="DIR", help="a new or empty folder")
    _with_output(made)


def _routes(commands: Any) -> None:
    about = "print the routes to the pods, for a router beside the nodes"
    made = _with_answers(_command(commands, "routes", about, "kinstall routes demo.yaml"))
    made.add_argument("--state", metavar="DIR", help=_STATE)
    _with_output(made)


def _report(commands: Any) -> None:
    about = "write the last run as one HTML page"
    made = _command(commands, "report", about, "kinstall report demo.yaml --file demo.html")
    made.add_argument(
        "answers", metavar="ANSWERS", nargs="?", help=f"{_ANSWERS}; default: the newest run of all clusters"
    )
    made.add_argument("--state", metavar="DIR", help=_STATE)
    made.add_argument("--file", metavar="FILE", help="the page to write (default: report.html in the state folder)")
    _with_output(made)


def _kubeconfig(commands: Any) -> None:
    about = "print the path of the cluster's kubeconfig, or merge it into yours"
    made = _with_answers(_command(commands, "kubeconfig", about, "kinstall kubeconfig demo.yaml --merge"))
    made.add_argument("--state", metavar="DIR", help=_STATE)
    made.add_argument("--merge", action="store_true", help="add its context to yours")
    made.add_argument("--file", metavar="FILE", help="merge into this file (default: $KUBECONFIG, else ~/.kube/config)")
    _with_output(made)


def _example(commands: Any) -> None:
    about = "print an answers file to start from"
    made = _command(commands, "example", about, "kinstall example > demo.yaml")
    made.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        default="minimal",
        choices=EXAMPLES,
        help=f"{', '.join(EXAMPLES)} (default: minimal)",
    )
    made.add_argument("--list", action="store_true", help="print the names, and what each is for")


def _completion(commands: Any) -> None:
    about = "print a script with which your shell completes commands and options"
    made = _command(
        commands, "completion", about, "kinstall completion bash > ~/.local/share/bash-completion/completions/kinstall"
    )
    made.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def _help(commands: Any) -> None:
    made = _command(commands, "help", "print this list, or the help of a command", "kinstall help replay")
    made.add_argument("about", metavar="COMMAND", nargs="?", choices=[*commands.choices], help="one of the commands")


# What several commands have


def _command(commands: Any, name: str, about: str, example: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=f"Example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(command=name)
    return made


def _with_answers(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
    made.add_argument("answers", metavar="ANSWERS", help=_ANSWERS)
    return made


def _on_nodes(made: argparse.ArgumentParser, *, run: bool = False) -> argparse.ArgumentParser:
    _with_answers(made)
    made.add_argument("--state", metavar="DIR", help=_STATE)
    _for_display(made, run=run)
    return made


def _until(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--until", metavar="PHASE", default="", choices=PHASES, help=f"stop after a phase: {', '.join(PHASES)}"
    )


def _for_display(made: argparse.ArgumentParser, *, run: bool = False) -> None:
    made.add_argument(
        "--parallel",
        metavar="N",
        type=_positive,
        default=PARALLEL,
        help="nodes at once (default: %(default)s)",
    )
    if run:
        made.add_argument("--quiet", action="store_true", help="print only warnings, what failed, and how it ended")
        _with_output(made, "text, or JSON with an event per line")
    else:
        _with_output(made)


def _with_output(made: argparse.ArgumentParser, what: str = "text, or one JSON document") -> None:
    made.add_argument("--output", choices=("text", "json"), default="text", help=f"{what} (default: %(default)s)")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 to 60")
    return seconds


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return number
