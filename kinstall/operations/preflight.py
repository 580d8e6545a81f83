"""Preflight: all nodes are asked, and their replies judged, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from assets.credentials.issue import ca_fingerprint
from kinstall.cluster import ClusterSpec
from kinstall.connectivity import Matrix, required_connections
from kinstall.errors import PreflightFailed
from kinstall.findings import Finding, Severity
from kinstall.operations import operator_files
from kinstall.operations.api_nodes import ApiNode, ask_api
from kinstall.operations.existing_cluster import (
    OwnRecord,
    check_records,
    living_cluster,
    own_records,
    refuse_changes,
    with_api_nodes,
)
from kinstall.operations.options import Options
from kinstall.operations.session import NodeReply, Session, ask
from kinstall.plan import taints
from kinstall.plan.living_cluster import LivingCluster, leader
from kinstall.preflight.judge import check_cluster, check_node, check_peers
from kinstall.state.folder import StateFolder

OnFindings = Callable[[str, Sequence[Finding]], None]


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """Node → its reply, the findings, which node reaches which, of a living cluster its nodes' records, the nodes that
    no connection led to, and what is known of the cluster."""

    replies: dict[str, NodeReply]
    findings: list[Finding]
    matrix: Matrix
    own: dict[str, OwnRecord]
    unreachable: frozenset[str]
    cluster: LivingCluster = field(default_factory=LivingCluster)


def preflight(
    session: Session,
    state: StateFolder,
    *,
    only_new: bool = False,
    on_findings: OnFindings = lambda node, findings: None,
) -> PreflightResult:
    """Ask all nodes and judge their replies; nothing is changed anywhere.

    `only_new`: of the ways between nodes only those from and to nodes that belong to no cluster yet are tried.
    `on_findings` gets the findings of a node as soon as it has answered, from several threads; under an empty name then
    come those that compare nodes, and last those about the network between them.

    Raises:
        InvalidAnswers: a file that the answers name cannot be used
    """
    spec = session.spec
    own_files = operator_files.read(spec, state.pki, datetime.now(UTC))
    fingerprint = known_fingerprint(state)

    def on_reply(node: str, reply: NodeReply | Finding) -> None:
        if isinstance(reply, Finding):
            on_findings(node, [reply])
        else:
            on_findings(node, check_node(spec, spec.node(node), reply.facts, reply.clock, fingerprint))

    replies, findings, unreachable = ask(session, on_reply)
    facts = {name: each.facts for name, each in replies.items()}
    for name, each in replies.items():
        findings += check_node(spec, spec.node(name), each.facts, each.clock, fingerprint)
    own = own_records(spec, replies, fingerprint)
    compared = [
        *check_records(spec, own, state.read_nodes()),
        *check_cluster(spec, facts, {name: each.clock for name, each in replies.items()}, own_files.own_network),
        # Not to be ignored: without what is missing there no plan can be made.
        *session.sources(each.facts.architecture for each in replies.values()).findings,
    ]
    on_findings("", compared)
    matrix = _reach(session, replies, only_new=only_new)
    between = check_peers(spec, matrix)
    on_findings("", between)
    return PreflightResult(replies, [*findings, *compared, *between], matrix, own, unreachable)


def require_preflight(session: Session, options: Options) -> PreflightResult:
    """preflight() for whatever goes on from there. What the answers may not change comes first, as it explains much of
    what preflight then finds. A worker of a living cluster that does not answer is no reason to end: it is left alone.

    Raises:
        InvalidAnswers, PreflightFailed
    """
    result = preflight(session, options.state, only_new=True)
    cluster = living_cluster(result.own, result.replies)
    # A workstation that has seen the cluster before knows its nodes; any other has to ask.
    nodes = () if options.state.read_nodes() else _api_nodes(session, cluster)
    refuse_changes(session.spec, options.state, result.own, {each.name: each.address for each in nodes if each.managed})
    cluster = with_api_nodes(cluster, nodes)
    alone = left_alone(session.spec, cluster, {*options.state.read_nodes(), *cluster.members} & result.unreachable)
    result = replace(result, findings=[_as_warning(each) if each.node in alone else each for each in result.findings])
    refuse_errors(result.findings)
    return replace(result, cluster=replace(cluster, taints=_taints(session, cluster, nodes)))


def left_alone(spec: ClusterSpec, cluster: LivingCluster, silent: Collection[str]) -> frozenset[str]:
    """Of nodes of the cluster that do not answer, those without which a run can go on: workers, as long as a control
    plane of the cluster answers."""
    front = leader(spec, cluster)
    if front is None or front.name not in cluster.members or front.name not in cluster.answering:
        return frozenset()
    return frozenset(node.name for node in spec.workers if node.name in silent)


def _as_warning(finding: Finding) -> Finding:
    message = f"{finding.message}; it belongs to the cluster and is left alone"
    return replace(finding, severity=Severity.WARNING, message=message)


def refuse_errors(findings: Iterable[Finding]) -> None:
    """Raise PreflightFailed where a finding is an error."""
    every = tuple(findings)
    if any(finding.severity is Severity.ERROR for finding in every):
        raise PreflightFailed(every)


def _reach(session: Session, replies: dict[str, NodeReply], *, only_new: bool) -> Matrix:
    mtus = {name: mtu for name, each in replies.items() if (mtu := _own_mtu(session.spec, name, each))}
    facts = {name: replies[name].facts for name in mtus}
    new = {name for name, each in facts.items() if each.cluster is None} if only_new else None
    connections = required_connections(session.spec, facts, new)
    return session.reach(connections, mtus) if connections else Matrix()


def _own_mtu(spec: ClusterSpec, name: str, reply: NodeReply) -> int:
    """MTU of the interface that has the node's address; 0 where it takes no part: others' findings say why."""
    held = reply.facts.interface_of(spec.node(name).internal_ip)
    return held[0].mtu if held and reply.facts.uid == 0 else 0


def _api_nodes(session: Session, cluster: LivingCluster) -> tuple[ApiNode, ...]:
    """The cluster's Node objects; none where no control plane of it answers."""
    node = leader(session.spec, cluster)
    if node is None or node.name not in cluster.members:
        return ()
    return ask_api(session.channels[node.name])


def _taints(session: Session, cluster: LivingCluster, nodes: Sequence[ApiNode]) -> dict[str, tuple[str, ...]]:
    """The taints that kinstall has set: what all control planes of the cluster have noted. Where none has a note, an
    earlier version has set them up, and the Node objects say it (`nodes`, asked for where they are empty)."""
    planes = [node.name for node in session.spec.control_planes if node.name in cluster.members]
    notes = [session.hosts[name].read([taints.PATH]) for name in planes if name in cluster.answering]
    contents = [note[taints.PATH] for note in notes if taints.PATH in note]
    if not contents:
        every = nodes or _api_nodes(session, cluster)
        return {each.name: each.taints for each in every if each.taints}
    found: dict[str, tuple[str, ...]] = {}
    for content in contents:
        for name, own in taints.parse(content).items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *own)))
    return found


def known_fingerprint(state: StateFolder) -> str:
    """That of the state folder's authority; empty where it has none."""
    certificate = state.read(state.pki / "ca.crt")
    return ca_fingerprint(certificate) if certificate else ""
