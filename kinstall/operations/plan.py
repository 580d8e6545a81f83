"""Plan: what a replay would do, per node and step; nothing is changed on any node or in the state folder."""

from __future__ import annotations

from contextlib import closing

from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Sink
from kinstall.engine.preview import PlannedChange, planned_changes, to_read
from kinstall.findings import Finding
from kinstall.operations.options import Options
from kinstall.operations.preflight import require_preflight
from kinstall.operations.replay import phases
from kinstall.operations.survey import survey
from kinstall.pki.pki_folder import PkiFolder


def plan_only(
    spec: ClusterSpec, options: Options, sink: Sink = lambda event: None
) -> tuple[list[Finding], list[PlannedChange]]:
    """Preflight's findings, and what would be changed.

    Raises:
        PreflightFailed, InvalidAnswers, PkiMissing, PkiUnusable, UsageError, TransportError
    """
    with closing(options.session(spec)) as session:
        result = require_preflight(session, options)
        pki = PkiFolder(options.state.pki, on_disk=False)
        surveyed = survey(session, options, result, phases, pki=pki, run="", sink=sink)
        changes: list[PlannedChange] = []
        for name, node in surveyed.nodes.items():
            contents = session.hosts[name].read(to_read(node.todo)) if to_read(node.todo) else {}
            changes += planned_changes(name, node.todo, contents)
        return result.findings, changes
