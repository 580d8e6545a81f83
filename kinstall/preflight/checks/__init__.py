"""What preflight looks at, one module per concern. A check is a pure generator of findings about one node.

To add one: write a function that takes a View in the module it belongs to, put it into that module's CHECKS with its
name, and give it a case that triggers it and one that does not in tests/unit/test_preflight_*.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from kinstall.cluster import ClusterSpec, Node
from kinstall.facts.model import NodeFacts
from kinstall.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class View:
    """One node as the checks see it.

    `clock` is (sent, received): the operator's seconds since the epoch around the question for facts.
    `ca_fingerprint` is that of the operator's cluster CA, empty while there is none.
    """

    spec: ClusterSpec
    node: Node
    facts: NodeFacts
    clock: tuple[float, float]
    ca_fingerprint: str = ""

    @property
    def own(self) -> bool:
        """Whether the node already belongs to this very cluster: then what runs there is kinstall's own.

        A record without an identity is what a run leaves that broke off at its very start.
        """
        told = self.facts.cluster
        if told is None:
            return self.facts.recorded
        if not told or told.get("cluster") != self.spec.cluster_name:
            return False
        theirs = told.get("caFingerprint", "")
        return not (self.ca_fingerprint and theirs) or theirs == self.ca_fingerprint

    def kubelet(self, field: str, otherwise: Any) -> Any:
        """A field of the kubelet's configuration as the answers set it."""
        return self.spec.components_of(self.node).kubelet.over({}).get(field, otherwise)

    def ok(self, check: str, message: str) -> Finding:
        return Finding(self.node.name, check, Severity.OK, message)

    def warning(self, check: str, message: str, remedy: str = "") -> Finding:
        return Finding(self.node.name, check, Severity.WARNING, message, remedy)

    def error(self, check: str, message: str, remedy: str = "") -> Finding:
        return Finding(self.node.name, check, Severity.ERROR, message, remedy)


Check = Callable[[View], Iterator[Finding]]
