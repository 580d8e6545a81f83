"""The commands that talk to the nodes: preflight, plan, replay, verify and reset."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence

from kinstall.answers.load import dump, load
from kinstall.cluster import ClusterSpec
from kinstall.commands.common import interruptible, loaded
from kinstall.commands.running import run_shown
from kinstall.errors import EXIT_NODE_FAILED, EXIT_PREFLIGHT, EXIT_VERIFY, UsageError
from kinstall.headless import make_sink
from kinstall.headless.peers import show_preflight
from kinstall.headless.tables import show_findings, show_plan, show_verify
from kinstall.install import Options, judge, plan_only, verify_only
from kinstall.install import reset as reset_nodes
from kinstall.preflight.judge import errors
from kinstall.state.run_log import RunLog, tee
from kinstall.verify import any_failed


def replay(chosen: argparse.Namespace) -> int:
    spec, options = loaded(chosen)
    options.until, options.recover_pki, options.verify = chosen.until, chosen.recover_pki, not chosen.no_verify
    text = chosen.output == "text"
    checks, ended = run_shown(spec, options, chosen.output)
    if checks and text:
        show_verify(checks, sys.stdout)
    if ended:
        raise ended
    if text and not options.until:
        _how_to_go_on(spec, options)
    return 0


def _how_to_go_on(spec: ClusterSpec, options: Options) -> None:
    kubectl = options.state.bin / "kubectl"
    program = str(kubectl) if kubectl.exists() else "kubectl"
    print(f"\n  {program} --kubeconfig {options.state.admin_conf} get nodes")


def plan(chosen: argparse.Namespace) -> int:
    if chosen.show_defaults:
        print(dump(load(chosen.answers), show_defaults=True), end="")
        return 0
    spec, options = loaded(chosen)
    options.command = "plan"
    findings, changes = plan_only(spec, options)
    if chosen.output == "text":
        show_findings(findings, sys.stderr)
    show_plan(changes, [node.name for node in spec.nodes], sys.stdout, chosen.output)
    return 0


def preflight(chosen: argparse.Namespace) -> int:
    spec, options = loaded(chosen)
    with options.session(spec) as session:
        told = judge(session, options.state)
    show_preflight(told.findings, told.matrix, sys.stdout, chosen.output, everything=chosen.all)
    return EXIT_PREFLIGHT if errors(told.findings) else 0


def verify(chosen: argparse.Namespace) -> int:
    spec, options = loaded(chosen)
    with interruptible(options.cancel):
        results = verify_only(spec, options)
    show_verify(results, sys.stdout, chosen.output)
    return EXIT_VERIFY if any_failed(results) else 0


def reset(chosen: argparse.Namespace) -> int:
    spec, options = loaded(chosen)
    nodes = chosen.node or [node.name for node in spec.nodes]
    if chosen.yes != spec.cluster_name:
        if chosen.yes:
            raise UsageError(f"--yes {chosen.yes} is not this cluster's name", f"it is called {spec.cluster_name}")
        _confirm(spec.cluster_name, nodes)
    options.state.prepare()
    with (
        RunLog(options.state.runs, "reset") as log,
        make_sink(chosen.output, sys.stdout, sys.stdout.isatty()) as shown,
        interruptible(options.cancel),
    ):
        options.sink = options.secrets.redactor.sink(tee(log, shown))
        failures = reset_nodes(spec, options, nodes)
    for message in failures.values():
        print(f"kinstall: {message}", file=sys.stderr)
    if chosen.forget_pki and not failures and not chosen.node:
        shutil.rmtree(options.state.path)
    return EXIT_NODE_FAILED if failures else 0


def _confirm(name: str, nodes: Sequence[str]) -> None:
    if not sys.stdin.isatty():
        raise UsageError("reset takes the cluster away and wants its name", f"add --yes {name}")
    print(f"This undoes everything kinstall did on {', '.join(nodes)}; the cluster's data is lost.")
    if input(f"Type the cluster's name ({name}) to go on: ").strip() != name:
        raise UsageError("that is not the cluster's name; nothing was changed")
