"""Reset: undo on nodes what their records say."""

from __future__ import annotations

import time
from collections.abc import Sequence

from assets import paths
from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Outcome, RunFinished, RunStarted
from kinstall.engine.undo_run import undo_all
from kinstall.errors import Cancelled, UsageError
from kinstall.operations.options import Options, new_run
from kinstall.operations.session import Session


def reset(spec: ClusterSpec, options: Options, nodes: Sequence[str]) -> dict[str, str]:
    """Undo on `nodes` what their records say, the last first; returns node → sentence for those that failed.

    Raises:
        UsageError: a name is no node of the answers
        Cancelled: it ended early; running it again continues
    """
    unknown = sorted(set(nodes) - {node.name for node in spec.nodes})
    if unknown:
        raise UsageError(f"{', '.join(unknown)} is no node of these answers")
    started, run = time.monotonic(), new_run()
    all_of_them = set(nodes) == {node.name for node in spec.nodes}
    with options.session(spec) as session:
        targets = {name: host for name, host in session.hosts.items() if name in nodes}
        options.sink(
            RunStarted(
                run, "reset", spec.cluster_name, ("undo",), {n.name: n.role for n in spec.nodes if n.name in nodes}, 0
            )
        )
        if not all_of_them:
            _forget_nodes(session, nodes)
        undone = undo_all(targets, options.sink, run=run, cancel=options.cancel, parallel=options.parallel)
        left = undone.failures.keys() | undone.stopped
        outcome = Outcome.FAILED if undone.failures else Outcome.CANCELLED if undone.stopped else Outcome.CHANGED
        done, failed = len(targets) - len(left), len(undone.failures)
        options.sink(RunFinished(outcome, done, 0, failed, time.monotonic() - started))
    kept = {name: cidr for name, cidr in options.state.read_nodes().items() if name not in nodes or name in left}
    if options.state.exists():
        options.state.write_nodes(kept)
        options.state.keep_verified(False)
    if undone.stopped and not undone.failures:
        where = ", ".join(sorted(undone.stopped))
        raise Cancelled(f"stopped at a step boundary on {where}", "the same command continues where it stopped")
    return undone.failures


def _forget_nodes(session: Session, nodes: Sequence[str]) -> None:
    """Take the Node objects of nodes that leave out of the cluster, while there still is one."""
    plane = session.spec.control_planes[0].name
    if plane in nodes:
        return
    names = " ".join(nodes)
    session.channels[plane].execute(
        f"HOME=/run/kinstall/home {paths.KUBECTL_BIN} --kubeconfig={paths.ADMIN_CONF} "
        f"delete node --ignore-not-found --timeout=30s {names}\n"
    )
