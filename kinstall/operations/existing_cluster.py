"""Whether answers fit a cluster that lives already: asked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinstall.answers import load
from kinstall.cluster import ClusterSpec
from kinstall.cluster.immutable import immutable_changes, moved_nodes, removed_nodes
from kinstall.errors import InvalidAnswers
from kinstall.state.folder import StateFolder


def own_records(
    spec: ClusterSpec, recorded: Mapping[str, Mapping[str, Any]], fingerprint: str
) -> dict[str, Mapping[str, Any]]:
    """Of `recorded` (node name → its cluster.json) those of this cluster; others are preflight's business.

    `fingerprint`: that of the state folder's authority, empty where it has none.
    """
    return {
        name: who
        for name, who in recorded.items()
        if who.get("cluster") == spec.cluster_name and fingerprint in ("", who.get("caFingerprint"))
    }


def refuse_changes(
    spec: ClusterSpec, state: StateFolder, own: Mapping[str, Mapping[str, Any]], members: Mapping[str, str]
) -> None:
    """Compare the answers with what the cluster's nodes (`own_records`), the state folder and the API recorded.

    `members`: node name → address ("" where it has none yet) of the nodes that the API names; empty where nobody asked.

    Raises:
        InvalidAnswers: they change what cannot be changed under a living cluster; all of it is named
    """
    problems = [problem for name, who in own.items() for problem in immutable_changes(who, spec, spec.node(name))]
    problems += removed_nodes({*state.read_nodes(), *members}, spec)
    problems += moved_nodes({**members, **_earlier(state)}, spec)
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
        return {}  # somebody else's or a later kinstall's: there is nothing to compare with
    return {node.name: node.internal_ip for node in nodes if node.name in names}
