"""Preflight: facts of the nodes → findings. Pure; asking the nodes is the caller's part.

facts = facts_of(lines)                          # what facts_program() printed on a node
findings = check_node(spec, node, facts, (sent, received))
findings += check_cluster(spec, {node.name: facts}, {node.name: (sent, received)})
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from assets.pod_network.manifest import Manifest
from kinstall.cluster import ClusterSpec, Node
from kinstall.connectivity.results import Matrix
from kinstall.facts.model import NodeFacts
from kinstall.findings import Finding, Severity
from kinstall.preflight.check import ClusterView, NodeView
from kinstall.preflight.checks import CLUSTER_CHECKS, NODE_CHECKS, PEER_CHECKS
from kinstall.preflight.checks.machine import root


def check_node(
    spec: ClusterSpec,
    node: Node,
    facts: NodeFacts,
    clock: tuple[float, float],
    ca_fingerprint: str = "",
) -> list[Finding]:
    """What is fit and what is not on one node, in the order of the table; nothing that was checked is left out.

    `clock` is (sent, received): the operator's seconds since the epoch around the question. `ca_fingerprint` is that
    of the cluster's CA in the state folder, empty while there is none.
    """
    view = NodeView(spec, node, facts, clock, ca_fingerprint)
    checks = NODE_CHECKS if facts.uid == 0 else (root,)  # what an ordinary user does not see is not missing
    return relaxed(spec, (finding for check in checks for finding in check.findings(view, node.name)))


def check_cluster(
    spec: ClusterSpec,
    facts: Mapping[str, NodeFacts],
    clocks: Mapping[str, tuple[float, float]] | None = None,
    manifest: Manifest | None = None,
) -> list[Finding]:
    """What shows only when the nodes are compared. `facts` and `clocks` (as `clock` above) have node names as keys;
    `manifest`: of a third-party pod network."""
    view = ClusterView(spec, facts, clocks or {}, manifest=manifest)
    return relaxed(spec, (finding for check in CLUSTER_CHECKS for finding in check.findings(view)))


def check_peers(spec: ClusterSpec, matrix: Matrix) -> list[Finding]:
    """What the ways between the nodes are like; nothing where none was tried."""
    view = ClusterView(spec, matrix=matrix)
    return relaxed(spec, (finding for check in PEER_CHECKS for finding in check.findings(view)))


def relaxed(spec: ClusterSpec, findings: Iterable[Finding]) -> list[Finding]:
    """Errors of the checks in `preflight.ignore` become warnings."""
    ignored = set(spec.preflight.ignore)
    return [
        replace(finding, severity=Severity.WARNING, message=f"{finding.message} (ignored by preflight.ignore)")
        if finding.severity is Severity.ERROR and finding.check in ignored
        else finding
        for finding in findings
    ]


def errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def as_table(findings: Iterable[Finding], *, all_checks: bool = False) -> list[tuple[str, str, str, str, str]]:
    """Rows (severity, node, check, message, remedy), errors first; without `all_checks` only what needs attention.

    A finding that several nodes share word for word becomes one row that names them all.
    """
    grouped: dict[tuple[Severity, str, str, str], list[str]] = {}
    for finding in findings:
        if all_checks or finding.severity is not Severity.OK:
            key = (finding.severity, finding.check, finding.message, finding.remedy)
            grouped.setdefault(key, []).append(finding.node or "cluster")
    rank = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.OK: 2}
    rows = sorted(grouped.items(), key=lambda item: rank[item[0][0]])
    return [(str(key[0]), ", ".join(nodes), *key[1:]) for key, nodes in rows]
