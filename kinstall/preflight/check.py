"""What a preflight check is: a record with its name, its severity, what it asks and how it judges.

    @check("swap", Severity.ERROR, "Is swap off, or do the answers accept it?")
    def swap(view: NodeView) -> Iterator[Finding]:
        yield ok("no swap")

makes the record. It goes into the CHECKS of its module in `checks/`, and its name into `cluster/check_names.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from assets.pod_network.manifest import Manifest
from kinstall.cluster import ClusterSpec, Node
from kinstall.connectivity.results import Matrix
from kinstall.facts.model import NodeFacts
from kinstall.findings import Finding, Severity

Clock = tuple[float, float]
"""(sent, received): the operator's seconds since the epoch around the question for a node's facts."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node as the checks see it. `ca_fingerprint`: of the operator's cluster CA, empty while there is none."""

    spec: ClusterSpec
    node: Node
    facts: NodeFacts
    clock: Clock
    ca_fingerprint: str = ""

    @property
    def own(self) -> bool:
        """Whether the node already belongs to this very cluster: then what runs there is kinstall's own.

        A record without an identity is what a run leaves that was interrupted at its very start.
        """
        identity = self.facts.cluster
        if identity is None:
            return self.facts.recorded
        if not identity or identity.get("cluster") != self.spec.cluster_name:
            return False
        theirs = identity.get("caFingerprint", "")
        return not (self.ca_fingerprint and theirs) or theirs == self.ca_fingerprint

    def kubelet(self, field: str, default: Any) -> Any:
        """A field of the kubelet's configuration as the answers set it."""
        return self.spec.components_of(self.node).kubelet.over({}).get(field, default)


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The nodes together. `facts` and `clocks` have node names as keys; `matrix`: which node reaches which; `manifest`:
    of a third-party pod network."""

    spec: ClusterSpec
    facts: Mapping[str, NodeFacts] = field(default_factory=dict)
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    matrix: Matrix = field(default_factory=Matrix)
    manifest: Manifest | None = None


View = TypeVar("View", NodeView, ClusterView)


@dataclass(frozen=True, slots=True)
class Check(Generic[View]):
    """`severity` is the worst that it may find; `asks` is the question that it answers, in one line."""

    name: str
    severity: Severity
    asks: str
    judge: Callable[[View], Iterator[Finding]]
    """Pure. Its findings need no check's name; one about a node of several says which."""

    def findings(self, view: View, node: str = "") -> Iterator[Finding]:
        """What it finds; `node`: whose findings these are."""
        for finding in self.judge(view):
            yield Finding(finding.node or node, self.name, finding.severity, finding.message, finding.remedy)


def check(name: str, severity: Severity, asks: str) -> Callable[[Callable[[View], Iterator[Finding]]], Check[View]]:
    """Make a judging function a check."""

    def record(judge: Callable[[View], Iterator[Finding]]) -> Check[View]:
        return Check(name, severity, asks, judge)

    return record


def ok(message: str) -> Finding:
    return Finding("", "", Severity.OK, message)


def warning(message: str, remedy: str, node: str = "") -> Finding:
    return Finding(node, "", Severity.WARNING, message, remedy)


def error(message: str, remedy: str, node: str = "") -> Finding:
    return Finding(node, "", Severity.ERROR, message, remedy)
