"""Commands, options and exit codes. Imports lazily: `kinstall --version` loads nothing but the standard library."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from kinstall import __version__

PARALLEL = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (0 done, 2 usage, 3 preflight, 4 a node failed, 5 cancelled, 6 verify)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may lack a character; that is no reason to end
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command != "wizard" and (chosen.wizard_answers or chosen.wizard_state):
        parser.error(f"--answers and --state before {chosen.command} are the wizard's; write them after it")
    from kinstall.errors import EXIT_CANCELLED, EXIT_USAGE, KinstallError
    from kinstall.terminal.stream import quiet_pipe

    try:
        with quiet_pipe():
            return _command(chosen.command)(chosen)
    except KinstallError as error:
        _say_error(chosen, error)
        return error.exit_code
    except KeyboardInterrupt:
        print("kinstall: interrupted", file=sys.stderr)
        return EXIT_CANCELLED
    except EOFError:
        print("\nkinstall: the input ended before the question was answered; nothing was changed", file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        print(f"kinstall: {error.filename or ''}: {error.strerror or error}".replace(": :", ":"), file=sys.stderr)
        return EXIT_USAGE


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """The function of a command. Only its module is loaded: the wizard's first screen need not wait for what a replay
    needs."""
    found: Callable[[argparse.Namespace], int] = getattr(import_module(f"kinstall.cli.{name}"), name)
    return found


def _say_error(chosen: argparse.Namespace, error: Exception) -> None:
    from kinstall.errors import PreflightFailed

    if getattr(chosen, "output", "text") == "json":
        from kinstall.terminal.tables import findings_json, show_json

        problems = [str(problem) for problem in getattr(error, "problems", ())]
        findings = findings_json(error.findings)["findings"] if isinstance(error, PreflightFailed) else []
        what, remedy = getattr(error, "what", str(error)), getattr(error, "remedy", "")
        data = {"error": type(error).__name__, "what": what, "remedy": remedy, "problems": problems}
        data["findings"] = findings
        show_json({key: value for key, value in data.items() if value}, sys.stderr)
        return
    if isinstance(error, PreflightFailed):
        from kinstall.terminal.tables import show_findings

        show_findings(error.findings, sys.stderr)
    print(f"kinstall: {error}", file=sys.stderr)


# The command line


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n  see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="kinstall",
        description="Builds a Kubernetes cluster from scratch on your own machines, over SSH.",
        epilog="Exit codes: 0 done, 2 usage or invalid answers, 3 preflight, 4 a node failed, 5 cancelled, 6 verify.",
    )
    parser.add_argument("--version", action="version", version=f"kinstall {__version__}")
    for_wizard = parser.add_argument_group("the wizard (kinstall without a command)")
    for_wizard.add_argument("--answers", metavar="FILE", dest="wizard_answers", help="answers to begin with")
    for_wizard.add_argument("--state", metavar="DIR", dest="wizard_state", help="state folder of the cluster")
    parser.set_defaults(command="wizard", parallel=PARALLEL)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)

    def command(name: str, about: str, example: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=f"Example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(command=name)
        return made

    def with_answers(made: argparse.ArgumentParser, *, nodes: bool = True) -> argparse.ArgumentParser:
        made.add_argument("answers", metavar="ANSWERS", help="the answers file (YAML)")
        if nodes:
            made.add_argument("--state", metavar="DIR", help="state folder (default: ~/.local/state/kinstall/CLUSTER)")
            made.add_argument("--parallel", metavar="N", type=_positive, default=PARALLEL, help="nodes at once")
            made.add_argument("--output", choices=("text", "json"), default="text", help="how results are shown")
        return made

    made = with_answers(
        command("replay", "build the cluster, or bring it to what the answers say", "kinstall replay demo.yaml")
    )
    made.add_argument("--until", metavar="PHASE", default="", choices=_phases(), help="end after a phase: fetch ahead")
    made.add_argument("--no-verify", action="store_true", help="leave the checks at the end out")
    made.add_argument(
        "--recover-pki", action="store_true", help="read the PKI of a living cluster back from its control plane"
    )
    made = with_answers(
        command("plan", "show what replay would change, with diffs; changes nothing", "kinstall plan demo.yaml")
    )
    made.add_argument("--show-defaults", action="store_true", help="print the answers with every default, and end")
    made = with_answers(command("preflight", "check all nodes; changes nothing", "kinstall preflight demo.yaml --all"))
    made.add_argument("--all", action="store_true", help="show what is in order too")
    with_answers(command("verify", "check a running cluster end to end", "kinstall verify demo.yaml --output json"))
    made = with_answers(
        command("reset", "undo on the nodes exactly what was done there", "kinstall reset demo.yaml --yes demo")
    )
    made.add_argument("--yes", metavar="NAME", default="", help="the cluster's name, instead of being asked for it")
    made.add_argument("--node", metavar="NODE", action="append", default=[], help="only this node (may be repeated)")
    made.add_argument("--forget-pki", action="store_true", help="remove the state folder too, with its keys")
    made = with_answers(
        command(
            "trust",
            "show the nodes' SSH host keys and keep those you consent to",
            "kinstall trust demo.yaml --fingerprint cp1=SHA256:…",
        )
    )
    made.add_argument("--fingerprint", metavar="NODE=SHA256:…", action="append", default=[], help="trust this key")
    made = command(
        "rehearse",
        "play a whole replay through on simulated hosts: no network, no root, nothing is touched",
        "kinstall rehearse demo.yaml --fault w1:unreachable@images",
    )
    made.add_argument("answers", metavar="ANSWERS", nargs="?", help="left out: a built-in example of three nodes")
    made.add_argument(
        "--fault",
        metavar="NODE:KIND[@PHASE]",
        action="append",
        default=[],
        help="let this go wrong (may be repeated): unreachable, disk-full, wrong-checksum, slow-link",
    )
    made.add_argument("--until", metavar="PHASE", default="", choices=_phases(), help="end after a phase")
    made.add_argument("--pace", metavar="SECONDS", type=_seconds, default=0.0, help="how long each step takes")
    made.add_argument("--state", metavar="DIR", help="keep the simulated hosts there (default: they are forgotten)")
    made.add_argument("--parallel", metavar="N", type=_positive, default=PARALLEL, help="nodes at once")
    made.add_argument("--output", choices=("text", "json"), default="text", help="how results are shown")
    made = with_answers(
        command("render", "write all files of all nodes to a folder", "kinstall render demo.yaml out"),
        nodes=False,
    )
    made.add_argument("folder", metavar="DIR", help="a new or empty folder")
    made = with_answers(
        command("routes", "print the routes to the pods, for a router beside the nodes", "kinstall routes demo.yaml"),
        nodes=False,
    )
    made.add_argument("--state", metavar="DIR", help="state folder (default: ~/.local/state/kinstall/CLUSTER)")
    made.add_argument("--output", choices=("text", "json"), default="text", help="how they are shown")
    made = command("report", "write the last run as one HTML page", "kinstall report demo.yaml --file demo.html")
    made.add_argument("answers", metavar="ANSWERS", nargs="?", help="its cluster; left out: the newest run of all")
    made.add_argument("--state", metavar="DIR", help="state folder (default: ~/.local/state/kinstall/CLUSTER)")
    made.add_argument("--file", metavar="FILE", help="where to (default: report.html in the state folder)")
    made = command(
        "kubeconfig",
        "tell where the cluster's kubeconfig is, or merge it",
        "kinstall kubeconfig demo.yaml --merge",
    )
    made.add_argument("answers", metavar="ANSWERS", help="the answers file (YAML)")
    made.add_argument("--state", metavar="DIR", help="state folder (default: ~/.local/state/kinstall/CLUSTER)")
    made.add_argument("--merge", action="store_true", help="put it among the contexts of ~/.kube/config")
    made.add_argument("--file", metavar="FILE", default="~/.kube/config", help="merge into this file instead")
    command("schema", "print the JSON Schema of the answers file", "kinstall schema > answers.schema.json")
    return parser


def _phases() -> tuple[str, ...]:
    from kinstall.plan.phase_names import PHASES

    return PHASES


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds up to 60")
    return seconds


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 up")
    return number


if __name__ == "__main__":
    sys.exit(main())
