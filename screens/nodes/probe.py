"""The findings of a probe per node, valid as long as the node's answers are those that were probed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from kinstall.findings import Finding

CLUSTER = ""
"""The name under which findings across nodes are kept."""


@dataclass(slots=True)
class Probe:
    """`waiting`: nodes that have not answered yet. Findings of a row that was changed since are dropped."""

    waiting: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    """Node → status of its host key (`known`, `unknown` …)."""
    _findings: dict[str, list[Finding]] = field(default_factory=dict)
    _rows: dict[str, Any] = field(default_factory=dict)

    def begin(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Start over: all nodes are probed again."""
        self._rows = {str(row.get("name")): deepcopy(dict(row)) for row in rows}
        self._findings = {}
        self.waiting = set(self._rows)

    def add(self, node: str, findings: Sequence[Finding]) -> None:
        """Add the findings of a node that answered or is unreachable; with CLUSTER, those across nodes."""
        self.waiting.discard(node)
        for finding in findings:
            self._findings.setdefault(finding.node, []).append(finding)
        self._findings.setdefault(node, [])

    def end(self) -> None:
        """Note that nothing more will come; a node that never answered has no findings."""
        self.waiting.clear()

    def of(self, row: Mapping[str, Any]) -> list[Finding] | None:
        """The findings of the node as it is now; None if there are none yet."""
        name = str(row.get("name"))
        if not self.fresh(row):
            return None
        return self._findings.get(name)

    def fresh(self, row: Mapping[str, Any]) -> bool:
        """Whether the row is still what was probed; pinning a host key does not count as a change."""
        before = self._rows.get(str(row.get("name")))
        return before is not None and _without_key(before) == _without_key(row)

    @property
    def of_cluster(self) -> list[Finding]:
        return self._findings.get(CLUSTER, [])


def _without_key(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "hostKey"}
