"""`kinstall reset`: undo on the nodes what was done there."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence

from kinstall.cli.interrupt import interruptible, loaded
from kinstall.errors import EXIT_NODE_FAILED, UsageError
from kinstall.operations.reset import reset as reset_nodes
from kinstall.state.run_log import RunLog, tee
from kinstall.terminal import make_sink
from kinstall.wording import listed


def reset(chosen: argparse.Namespace) -> int:
    spec, options = loaded(chosen, to_remove=True)
    nodes = chosen.node or [node.name for node in spec.nodes]
    if chosen.yes != spec.cluster_name:
        if chosen.yes:
            raise UsageError(f"--yes {chosen.yes} is not this cluster's name", f"it is called {spec.cluster_name}")
        _confirm(spec.cluster_name, nodes)
    options.state.prepare()
    cancel = threading.Event()
    with (
        RunLog(options.state.runs, "reset") as log,
        make_sink(chosen.output, sys.stdout, sys.stdout.isatty(), quiet=chosen.quiet) as shown,
        interruptible(cancel),
    ):
        failures = reset_nodes(spec, options, nodes, options.secrets.redactor.sink(tee(log, shown)), cancel)
    for message in failures.values():
        print(f"kinstall: {message}", file=sys.stderr)
    forgets = chosen.forget_pki and not failures and not chosen.node
    if forgets and (others := options.state.forget()):
        print(f"kinstall: {options.state.path} stays: {listed(others)} in it is not kinstall's", file=sys.stderr)
    return EXIT_NODE_FAILED if failures else 0


def _confirm(name: str, nodes: Sequence[str]) -> None:
    if not sys.stdin.isatty():
        raise UsageError("reset removes the cluster and needs its name as a confirmation", f"add --yes {name}")
    print(f"This undoes everything kinstall did on {', '.join(nodes)}; the cluster's data is lost.")
    if input(f"Type the cluster's name ({name}) to continue: ").strip() != name:
        raise UsageError("that is not the cluster's name; nothing was changed")
