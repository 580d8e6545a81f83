"""Commands, options and exit codes. Imports lazily: `kinstall --version` loads nothing but the standard library."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kinstall import __version__

if TYPE_CHECKING:
    from kinstall.errors import KinstallError
    from kinstall.install import Options
    from kinstall.spec import ClusterSpec
    from kinstall.verify import CheckResult

PARALLEL = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (0 done, 2 usage, 3 preflight, 4 a node failed, 5 cancelled, 6 verify)."""
    chosen = _parser().parse_args(arguments)
    from kinstall.errors import EXIT_CANCELLED, EXIT_USAGE, KinstallError
    from kinstall.headless.stream import quiet_pipe

    try:
        with quiet_pipe():
            status: int = chosen.run(chosen)
            return status
    except KinstallError as error:
        _say_error(chosen, error)
        return error.exit_code
    except KeyboardInterrupt:
        print("kinstall: interrupted", file=sys.stderr)
        return EXIT_CANCELLED
    except OSError as error:
        print(f"kinstall: {error.filename or ''}: {error.strerror or error}".replace(": :", ":"), file=sys.stderr)
        return EXIT_USAGE


def _say_error(chosen: argparse.Namespace, error: Exception) -> None:
    if getattr(chosen, "output", "text") == "json":
        from kinstall.headless.tables import show_json

        problems = [str(problem) for problem in getattr(error, "problems", ())]
        what, remedy = getattr(error, "what", str(error)), getattr(error, "remedy", "")
        data = {"error": type(error).__name__, "what": what, "remedy": remedy, "problems": problems}
        show_json({key: value for key, value in data.items() if value}, sys.stderr)
        return
    print(f"kinstall: {error}", file=sys.stderr)


# Commands


def _replay(chosen: argparse.Namespace) -> int:
    from kinstall.headless import make_sink
    from kinstall.headless.tables import show_findings, show_verify
    from kinstall.install import replay
    from kinstall.runlog import RunLog, tee

    spec, options = _load(chosen)
    options.until, options.recover_pki, options.verify = chosen.until, chosen.recover_pki, not chosen.no_verify
    text = chosen.output == "text"
    options.on_findings = lambda findings: show_findings(findings, sys.stderr) if text else None
    options.state.prepare()
    redactor = options.secrets.redactor
    with (
        RunLog(options.state.runs, "replay") as log,
        make_sink(chosen.output, sys.stdout, sys.stdout.isatty()) as shown,
        _interruptible(options.cancel),
    ):
        options.sink = redactor.sink(tee(log, shown))
        checks: list[CheckResult] = []
        options.on_check = checks.append
        ended = _caught(lambda: replay(spec, options))
    # The display has given the terminal back: now the table, then what went wrong or how to go on.
    if checks and text:
        show_verify(checks, sys.stdout)
    if ended:
        raise ended
    if text and not options.until:
        _how_to_go_on(spec, options)
    return 0


def _caught(work: Callable[[], object]) -> KinstallError | None:
    from kinstall.errors import KinstallError

    try:
        work()
    except KinstallError as error:
        return error
    return None


def _plan(chosen: argparse.Namespace) -> int:
    if chosen.show_defaults:
        from kinstall.answers import dump, load

        print(dump(load(chosen.answers), show_defaults=True), end="")
        return 0
    spec, options = _load(chosen)
    from kinstall.headless.tables import show_findings, show_plan
    from kinstall.install import plan_only

    options.command = "plan"
    findings, changes = plan_only(spec, options)
    if chosen.output == "text":
        show_findings(findings, sys.stderr)
    show_plan(changes, [node.name for node in spec.nodes], sys.stdout, chosen.output)
    return 0


def _preflight(chosen: argparse.Namespace) -> int:
    from kinstall.errors import EXIT_PREFLIGHT
    from kinstall.headless.tables import show_findings
    from kinstall.install import run_preflight
    from kinstall.preflight import errors

    spec, options = _load(chosen)
    with options.session(spec) as session:
        _, findings = run_preflight(session, options.state)
    show_findings(findings, sys.stdout, chosen.output, everything=chosen.all)
    return EXIT_PREFLIGHT if errors(findings) else 0


def _verify(chosen: argparse.Namespace) -> int:
    from kinstall.errors import EXIT_VERIFY
    from kinstall.headless.tables import show_verify
    from kinstall.install import verify_only
    from kinstall.verify import any_failed

    spec, options = _load(chosen)
    with _interruptible(options.cancel):
        results = verify_only(spec, options)
    show_verify(results, sys.stdout, chosen.output)
    return EXIT_VERIFY if any_failed(results) else 0


def _reset(chosen: argparse.Namespace) -> int:
    from kinstall.errors import EXIT_NODE_FAILED, UsageError
    from kinstall.headless import make_sink
    from kinstall.install import reset
    from kinstall.runlog import RunLog, tee

    spec, options = _load(chosen)
    nodes = chosen.node or [node.name for node in spec.nodes]
    if chosen.yes != spec.cluster_name:
        if chosen.yes:
            raise UsageError(f"--yes {chosen.yes} is not this cluster's name", f"it is called {spec.cluster_name}")
        _confirm(spec.cluster_name, nodes)
    options.state.prepare()
    with (
        RunLog(options.state.runs, "reset") as log,
        make_sink(chosen.output, sys.stdout, sys.stdout.isatty()) as shown,
    ):
        options.sink = options.secrets.redactor.sink(tee(log, shown))
        failures = reset(spec, options, nodes)
    for message in failures.values():
        print(f"kinstall: {message}", file=sys.stderr)
    if chosen.forget_pki and not failures and not chosen.node:
        import shutil

        shutil.rmtree(options.state.path)
    return EXIT_NODE_FAILED if failures else 0


def _confirm(name: str, nodes: Sequence[str]) -> None:
    from kinstall.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("reset takes the cluster away and wants its name", f"add --yes {name}")
    print(f"This undoes everything kinstall did on {', '.join(nodes)}; the cluster's data is lost.")
    if input(f"Type the cluster's name ({name}) to go on: ").strip() != name:
        raise UsageError("that is not the cluster's name; nothing was changed")


def _trust(chosen: argparse.Namespace) -> int:
    from kinstall.errors import EXIT_PREFLIGHT, UsageError
    from kinstall.headless.tables import show_table
    from kinstall.session import target_of
    from kinstall.transport.host_keys import HostKeys
    from kinstall.trust import Status, pending, store

    spec, options = _load(chosen)
    wanted = dict(_pair(text) for text in chosen.fingerprint)
    targets = {node.name: target_of(spec, node) for node in spec.nodes}
    seen = pending(targets, HostKeys(options.state.known_hosts), wanted=wanted)
    rows = [(s.node, f"{s.host}:{s.port}", s.status.value, s.key_type, s.fingerprint or s.message) for s in seen]
    show_table(("node", "host", "status", "type", "fingerprint"), rows, sys.stdout)
    bad = [s for s in seen if s.status in (Status.CHANGED, Status.UNREACHABLE)]
    new = [s for s in seen if s.status is Status.UNKNOWN]
    if wanted:
        wrong = [s for s in new if wanted.get(s.node) not in (None, s.fingerprint)]
        if wrong:
            raise UsageError(f"{wrong[0].node} shows {wrong[0].fingerprint}, not the fingerprint that was given")
        new = [s for s in new if s.node in wanted]
    elif new:
        if not sys.stdin.isatty():
            raise UsageError("there is nobody to ask", "name what you trust: --fingerprint NODE=SHA256:…")
        if input("Do these fingerprints agree with the hosts' consoles? Type yes to keep them: ").strip() != "yes":
            raise UsageError("nothing was kept")
    if new:
        options.state.prepare()
        store(options.state.known_hosts, new)
        print(f"kept {len(new)} in {options.state.known_hosts}")
    for row in bad:
        print(f"kinstall: {row.message}\n  {row.remedy}", file=sys.stderr)
    return EXIT_PREFLIGHT if bad else 0


def _pair(text: str) -> tuple[str, str]:
    from kinstall.errors import UsageError

    node, equals, fingerprint = text.partition("=")
    if not equals or not fingerprint.startswith("SHA256:"):
        raise UsageError(f"--fingerprint {text} is not NODE=SHA256:…")
    return node, fingerprint


def _render(chosen: argparse.Namespace) -> int:
    from kinstall.answers import load
    from kinstall.install import render

    written = render(load(chosen.answers), Path(chosen.folder))
    print(f"{len(written)} files below {chosen.folder}, made with throw-away keys")
    return 0


def _schema(chosen: argparse.Namespace) -> int:
    import json

    from kinstall.schema import schema

    print(json.dumps(schema(), indent=2))
    return 0


# Helpers


def _load(chosen: argparse.Namespace) -> tuple[ClusterSpec, Options]:
    """The spec of the answers file, and options with a session that shares one set of secrets."""
    from kinstall.answers import load
    from kinstall.install import Options, open_session
    from kinstall.secrets import Secrets
    from kinstall.state import StateFolder

    spec = load(chosen.answers)
    state = StateFolder.of(spec.cluster_name, chosen.state).check()
    secrets = Secrets()
    options = Options(
        state=state,
        session=lambda wanted: open_session(wanted, state, secrets, parallel=chosen.parallel),
        parallel=chosen.parallel,
        secrets=secrets,
    )
    return spec, options


class _interruptible:  # noqa: N801 - reads as what it does
    """Ctrl+C asks the run to stop at its next step; a second one ends the program at once."""

    def __init__(self, cancel: threading.Event) -> None:
        self.cancel = cancel

    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGINT, self._stop)
        self.before_term = signal.signal(signal.SIGTERM, self._stop)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self.before)
        signal.signal(signal.SIGTERM, self.before_term)

    def _stop(self, number: int, frame: object) -> None:
        if self.cancel.is_set():
            os._exit(128 + number)
        print("\nstopping at the next step; once more ends at once", file=sys.stderr)
        self.cancel.set()


def _how_to_go_on(spec: ClusterSpec, options: Options) -> None:
    kubectl = options.state.bin / "kubectl"
    program = str(kubectl) if kubectl.exists() else "kubectl"
    print(f"\n  {program} --kubeconfig {options.state.admin_conf} get nodes")


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
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)

    def command(
        name: str, run: Callable[[argparse.Namespace], int], about: str, example: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=f"Example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(run=run)
        return made

    def with_answers(made: argparse.ArgumentParser, *, nodes: bool = True) -> argparse.ArgumentParser:
        made.add_argument("answers", metavar="ANSWERS", help="the answers file (YAML)")
        if nodes:
            made.add_argument("--state", metavar="DIR", help="state folder (default: ~/.local/state/kinstall/CLUSTER)")
            made.add_argument("--parallel", metavar="N", type=_positive, default=PARALLEL, help="nodes at once")
            made.add_argument("--output", choices=("text", "json"), default="text", help="how results are shown")
        return made

    made = with_answers(
        command(
            "replay", _replay, "build the cluster, or bring it to what the answers say", "kinstall replay demo.yaml"
        )
    )
    made.add_argument("--until", metavar="PHASE", default="", choices=_phases(), help="end after a phase: fetch ahead")
    made.add_argument("--no-verify", action="store_true", help="leave the checks at the end out")
    made.add_argument(
        "--recover-pki", action="store_true", help="read the PKI of a living cluster back from its control plane"
    )
    made = with_answers(
        command("plan", _plan, "show what replay would change, with diffs; changes nothing", "kinstall plan demo.yaml")
    )
    made.add_argument("--show-defaults", action="store_true", help="print the answers with every default, and end")
    made = with_answers(
        command("preflight", _preflight, "check all nodes; changes nothing", "kinstall preflight demo.yaml --all")
    )
    made.add_argument("--all", action="store_true", help="show what is in order too")
    with_answers(
        command("verify", _verify, "check a running cluster end to end", "kinstall verify demo.yaml --output json")
    )
    made = with_answers(
        command("reset", _reset, "undo on the nodes exactly what was done there", "kinstall reset demo.yaml --yes demo")
    )
    made.add_argument("--yes", metavar="NAME", default="", help="the cluster's name, instead of being asked for it")
    made.add_argument("--node", metavar="NODE", action="append", default=[], help="only this node (may be repeated)")
    made.add_argument("--forget-pki", action="store_true", help="remove the state folder too, with its keys")
    made = with_answers(
        command(
            "trust",
            _trust,
            "show the nodes' SSH host keys and keep those you consent to",
            "kinstall trust demo.yaml --fingerprint cp1=SHA256:…",
        )
    )
    made.add_argument("--fingerprint", metavar="NODE=SHA256:…", action="append", default=[], help="trust this key")
    made = with_answers(
        command("render", _render, "write all files of all nodes to a folder", "kinstall render demo.yaml out"),
        nodes=False,
    )
    made.add_argument("folder", metavar="DIR", help="a new or empty folder")
    command("schema", _schema, "print the JSON Schema of the answers file", "kinstall schema > answers.schema.json")
    return parser


def _phases() -> tuple[str, ...]:
    # A copy of plan.PHASES: importing the plan would load cryptography to print a help text. A test compares them.
    return ("prepare", "download", "runtime", "images", "kubernetes", "control-plane", "network", "addons")


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 up")
    return number


if __name__ == "__main__":
    sys.exit(main())
