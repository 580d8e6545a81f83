"""Preflight: facts of the nodes → findings. Pure; asking the nodes is the caller's part.

program = facts_program()                       # one round trip per node
facts = parse(lines)
findings = check_node(spec, node, facts, (sent, received))
findings += check_cluster(spec, {node.name: facts}, {node.name: (sent, received)})
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from kinstall.cluster import ClusterSpec, Node
from kinstall.connectivity.results import Matrix
from kinstall.facts.model import NodeFacts, facts_program, parse
from kinstall.findings import Finding, Severity
from kinstall.preflight.checks import Check, View, cluster_wide, connectivity, machine, network, software

NODE_CHECKS: dict[str, Check] = {**software.CHECKS, **machine.CHECKS, **network.CHECKS}
ORDER = (
    *("root", "architecture", "systemd", "kernel", "cgroup", "cpu", "memory", "swap", "disk", "file-systems"),
    *("clock", "time-service", "tools", "nft", "modules", "sysctls", "selinux"),
    *("address", "neighbours", "default-route", "ranges", "ports", "resolver", "firewall", "forwarding", "proxies"),
    *("cluster", "leftovers", "cni-config", "container-runtime"),
)
"""Every node check once, in the order of the table."""

CHECKS = (*ORDER, *cluster_wide.CHECKS, *connectivity.CHECKS)
"""The names that `preflight.ignore` may hold."""


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
    view = View(spec, node, facts, clock, ca_fingerprint)
    if facts.uid != 0:
        return relaxed(spec, NODE_CHECKS["root"](view))  # what an ordinary user does not see is not missing
    return relaxed(spec, (finding for name in ORDER for finding in NODE_CHECKS[name](view)))


def check_cluster(
    spec: ClusterSpec,
    facts: Mapping[str, NodeFacts],
    asked: Mapping[str, tuple[float, float]] | None = None,
) -> list[Finding]:
    """What shows only when the nodes are compared. `facts` and `asked` (as `clock` above) have node names as keys."""
    found = [
        *cluster_wide.unique(spec, facts),
        *cluster_wide.clocks(facts, asked or {}),
        *cluster_wide.nodes_told(spec, facts),
        *cluster_wide.open_api(spec),
    ]
    return relaxed(spec, found)


def check_peers(spec: ClusterSpec, matrix: Matrix) -> list[Finding]:
    """What the ways between the nodes are like; nothing where none was tried."""
    return relaxed(spec, connectivity.peers(spec, matrix))


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


__all__ = [
    "CHECKS",
    "as_table",
    "check_cluster",
    "check_node",
    "check_peers",
    "errors",
    "facts_program",
    "parse",
    "relaxed",
]
