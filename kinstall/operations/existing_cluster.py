"""The cluster that the nodes belong to already: what is known of it, and whether the answers fit it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from kinstall.answers import load
from kinstall.cluster import CONTROL_PLANE, ClusterSpec
from kinstall.cluster.immutable import immutable_changes, moved_nodes, removed_nodes
from kinstall.errors import InvalidAnswers
from kinstall.operations.api_nodes import ApiNode
from kinstall.operations.session import NodeReply
from kinstall.plan.living_cluster import LivingCluster, Member
from kinstall.state.folder import StateFolder


def own_records(
    spec: ClusterSpec, records: Mapping[str, Mapping[str, Any]], fingerprint: str
) -> dict[str, Mapping[str, Any]]:
    """Of `records` (node name → its cluster.json) those of this cluster; others are preflight's business.

    `fingerprint`: that of the state folder's authority, empty where it has none.
    """
    return {
        name: record
        for name, record in records.items()
        if record.get("cluster") == spec.cluster_name and fingerprint in ("", record.get("caFingerprint"))
    }


def living_cluster(own: Mapping[str, Mapping[str, Any]], replies: Mapping[str, NodeReply]) -> LivingCluster:
    """What the nodes' own records (`own_records`) say. etcd runs on every control plane that was set up."""
    return LivingCluster(
        members={
            name: Member(
                address=str(record.get("address", "")),
                version=str(record.get("kubernetesVersion", "")),
            )
            for name, record in own.items()
        },
        etcd_members=frozenset(name for name, record in own.items() if record.get("role") == CONTROL_PLANE),
        answering=frozenset(replies),
    )


def with_api_nodes(cluster: LivingCluster, nodes: Iterable[ApiNode]) -> LivingCluster:
    """The same with the nodes that kinstall set up and only the API names."""
    known = {node.name: Member(address=node.address, version=node.version) for node in nodes if node.managed}
    return replace(cluster, members={**known, **cluster.members})


def refuse_changes(
    spec: ClusterSpec, state: StateFolder, own: Mapping[str, Mapping[str, Any]], api: Mapping[str, str]
) -> None:
    """Compare the answers with what the cluster's nodes (`own_records`), the state folder and the API recorded.

    `api`: node name → address ("" where it has none yet) of the nodes that the API names; empty where nobody asked.

    Raises:
        InvalidAnswers: they change what cannot be changed under a living cluster; all of it is named
    """
    problems = [problem for name, record in own.items() for problem in immutable_changes(record, spec, spec.node(name))]
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
