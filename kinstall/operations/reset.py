"""Reset: take nodes out of the cluster, and undo on them what their records say."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from shlex import quote

from assets.kubectl import ADMIN
from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Outcome, RunFinished, RunStarted, Sink
from kinstall.engine.undo_run import UndoResult, undo_all
from kinstall.errors import Cancelled, UsageError
from kinstall.operations.options import Options, new_run
from kinstall.operations.session import Session
from kinstall.plan import cleanup
from kinstall.plan.living_cluster import LivingCluster, leader
from kinstall.state.folder import StateFolder
from kinstall.transport.budget import Lines

_MOST_BYTES, _MOST_LINES, _SECONDS = 1 << 20, 10_000, 120.0
"""What kubectl may print as it deletes Nodes, and how long it may take."""

UNDO = "undo"
PHASES = (UNDO,)
"""What is shown of it. Before, the nodes' objects are removed; after, the state folder forgets the nodes."""


def reset(
    spec: ClusterSpec,
    options: Options,
    nodes: Sequence[str],
    sink: Sink = lambda event: None,
    cancel: threading.Event | None = None,
) -> dict[str, str]:
    """Undo on `nodes` what their records say, the last first; returns node → sentence for those that failed.

    Raises:
        UsageError: a name is not a node of the answers
        Cancelled: it ended early; running it again continues
    """
    unknown = sorted(set(nodes) - {node.name for node in spec.nodes})
    if unknown:
        raise UsageError(f"not in these answers: {', '.join(unknown)}")
    started, run = time.monotonic(), new_run()
    roles = {node.name: node.role for node in spec.nodes if node.name in nodes}
    with closing(options.session(spec)) as session:
        sink(RunStarted(run, "reset", spec.cluster_name, PHASES, roles, 0))
        _remove_node_objects(session, nodes)
        targets = {name: host for name, host in session.hosts.items() if name in nodes}
        undone = undo_all(targets, sink, run=run, cancel=cancel, parallel=options.parallel, renewed=cleanup.renewed)
        sink(_run_finished(undone, len(targets), time.monotonic() - started))
    _forget(options.state, set(nodes) - undone.failures.keys() - undone.stopped)
    if undone.stopped and not undone.failures:
        where = ", ".join(sorted(undone.stopped))
        raise Cancelled(f"stopped at a step boundary on {where}", "the same command continues where it stopped")
    return undone.failures


def _remove_node_objects(session: Session, nodes: Sequence[str]) -> None:
    """Of nodes that leave a cluster that stays. Where no control plane stays, the objects end with it."""
    front = leader(session.spec, LivingCluster(), leaving=nodes)
    if front is not None:
        names = " ".join(map(quote, nodes))
        program = f"{ADMIN} delete node --ignore-not-found --timeout=30s {names}\n"
        output = Lines(front.name, _MOST_BYTES, _MOST_LINES, _SECONDS)
        session.channels[front.name].execute(program, on_line=output.add, timeout=_SECONDS)


def _run_finished(undone: UndoResult, nodes: int, seconds: float) -> RunFinished:
    outcome = Outcome.FAILED if undone.failures else Outcome.CANCELLED if undone.stopped else Outcome.CHANGED
    done = nodes - len(undone.failures.keys() | undone.stopped)
    return RunFinished(outcome, done, 0, len(undone.failures), seconds)


def _forget(state: StateFolder, nodes: set[str]) -> None:
    """The ranges of nodes that are reset are free again; the cluster has to be verified again."""
    if state.exists():
        state.write_nodes({name: cidr for name, cidr in state.read_nodes().items() if name not in nodes})
        state.keep_verified(False)
