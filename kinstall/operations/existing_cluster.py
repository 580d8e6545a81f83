"""The cluster that the nodes belong to already: what is known of it, and whether the answers fit it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kinstall.answers import load
from kinstall.cluster import CONTROL_PLANE, ClusterSpec
from kinstall.cluster.immutable import immutable_changes, moved_nodes, removed_nodes
from kinstall.cluster.node_record import NodeRecord, read_record
from kinstall.errors import InvalidAnswers
from kinstall.findings import Finding, Severity
from kinstall.operations.api_nodes import ApiNode
from kinstall.operations.session import NodeReply
from kinstall.plan.living_cluster import LivingCluster, Member
from kinstall.state.folder import StateFolder

_RECORD = "its record (/var/lib/kinstall/cluster.json)"


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """A node's cluster.json that is of this cluster: as data, and what of it can be relied on to have its form."""

    data: Mapping[str, Any]
    parsed: NodeRecord


def own_records(spec: ClusterSpec, replies: Mapping[str, NodeReply], fingerprint: str) -> dict[str, OwnRecord]:
    """Node name → its record, of nodes that belong to this cluster; other clusters' are preflight's business.

    `fingerprint`: that of the CA in the state folder, empty where it has none.
    """
    records = {name: each.facts.cluster for name, each in replies.items() if each.facts.cluster}
    own = {name: OwnRecord(data, read_record(data)) for name, data in records.items()}
    return {
        name: record
        for name, record in own.items()
        if record.parsed.cluster == spec.cluster_name and fingerprint in ("", record.parsed.ca_fingerprint)
    }


def living_cluster(own: Mapping[str, OwnRecord], replies: Mapping[str, NodeReply]) -> LivingCluster:
    """What the nodes' own records say. etcd runs on every control plane that was set up."""
    return LivingCluster(
        members={
            name: Member(
                address=record.parsed.address,
                version=record.parsed.kubernetes_version,
                pod_cidr=record.parsed.pod_cidr,
            )
            for name, record in own.items()
        },
        etcd_members=frozenset(name for name, record in own.items() if record.parsed.role == CONTROL_PLANE),
        answering=frozenset(replies),
    )


def check_records(spec: ClusterSpec, own: Mapping[str, OwnRecord], ranges: Mapping[str, str]) -> list[Finding]:
    """Whether the records fit the state folder's pod ranges (node name → CIDR), which count where they differ."""
    findings = []
    for name, record in own.items() if spec.networking.plans_ranges else ():
        recorded, known = record.parsed.pod_cidr, ranges.get(name, "")
        says = f"says that its pod range is {recorded}" if recorded else "does not say which pod range it has"
        if known and recorded != known:
            message = f"{_RECORD} {says}; the state folder has {known}, which counts"
            remedy = "kinstall writes it again; if you did not change it, find out who has access to the node"
            findings.append(Finding(name, "cluster", Severity.WARNING, message, remedy))
        elif not known and not recorded and not spec.node(name).pod_cidr:
            remedy = f"run kinstall with the cluster's state folder, or write {name}'s range as its podCIDR"
            message = f"{_RECORD} {says}, and neither does the state folder"
            findings.append(Finding(name, "cluster", Severity.ERROR, message, remedy))
    return findings


def with_api_nodes(cluster: LivingCluster, nodes: Iterable[ApiNode]) -> LivingCluster:
    """The same with the nodes that kinstall set up and only the API names."""
    known = {node.name: Member(address=node.address, version=node.version) for node in nodes if node.managed}
    return replace(cluster, members={**known, **cluster.members})


def refuse_changes(spec: ClusterSpec, state: StateFolder, own: Mapping[str, OwnRecord], api: Mapping[str, str]) -> None:
    """Compare the answers with what the cluster's nodes (`own_records`), the state folder and the API recorded.

    `api`: node name → address ("" where it has none yet) of the nodes that the API names; empty where nobody asked.

    Raises:
        InvalidAnswers: they change what cannot be changed under a living cluster; all of it is named
    """
    problems = [each for name, record in own.items() for each in immutable_changes(record.data, spec, spec.node(name))]
    problems += removed_nodes({*state.read_nodes(), *api}, spec)
    problems += moved_nodes({**api, **_earlier(state)}, spec)
    if problems:
        raise InvalidAnswers("the answers do not fit the living cluster", list(dict.fromkeys(problems)))


def _earlier(state: StateFolder) -> dict[str, str]:
    """Name → address of the nodes that were set up from this state folder, as its answers describe them."""
    names, text = state.read_nodes(), state.read(state.answers)
    if not text:
        return {}
    try:
        nodes = load.parse(text.decode(), str(state.answers)).nodes
    except (InvalidAnswers, UnicodeDecodeError):
        return {}  # written by a later kinstall, or by hand: there is nothing to compare with
    return {node.name: node.internal_ip for node in nodes if node.name in names}
