"""Whether answers fit a cluster that lives already: asked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinstall import answers
from kinstall.changes import immutable_changes, moved_nodes, removed_nodes
from kinstall.errors import InvalidAnswers
from kinstall.spec import ClusterSpec, Node
from kinstall.state import StateFolder


def refuse_changes(
    spec: ClusterSpec, state: StateFolder, recorded: Mapping[str, Mapping[str, Any]], fingerprint: str
) -> None:
    """Compare the answers with what nodes and state folder recorded.

    `recorded`: node name → its cluster.json; those of other clusters are preflight's business. `fingerprint`: that of
    the state folder's authority, empty where it has none.

    Raises:
        InvalidAnswers: they change what cannot be changed under a living cluster; all of it is named
    """
    own = {
        name: who
        for name, who in recorded.items()
        if who.get("cluster") == spec.cluster_name and fingerprint in ("", who.get("caFingerprint"))
    }
    problems = [problem for name, who in own.items() for problem in immutable_changes(who, spec, spec.node(name))]
    problems += removed_nodes(state.read_nodes(), spec)
    problems += moved_nodes(_earlier(state), spec)
    if problems:
        raise InvalidAnswers("the answers do not fit the living cluster", list(dict.fromkeys(problems)))


def _earlier(state: StateFolder) -> list[Node]:
    """The nodes that were set up from this state folder, as its answers describe them."""
    names, text = state.read_nodes(), state.read(state.answers)
    if not text:
        return []
    try:
        return [node for node in answers.parse(text.decode(), str(state.answers)).nodes if node.name in names]
    except (InvalidAnswers, UnicodeDecodeError):
        return []  # somebody else's or a later kinstall's: there is nothing to compare with
