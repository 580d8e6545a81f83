"""The plan of the answers, made once and shown by Review and Install. No I/O, and nothing that takes time to load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kinstall.findings import Finding

if TYPE_CHECKING:
    from kinstall.engine.preview import PlannedChange


@dataclass(slots=True)
class Made:
    """The last plan, and of which answers it is. Empty before one was made."""

    nodes: tuple[str, ...] = ()
    changes: tuple[PlannedChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    _of: dict[str, Any] | None = field(default=None, repr=False)

    def fits(self, data: Mapping[str, Any]) -> bool:
        """Whether it is the plan of these answers. A host key that was pinned since changes nothing on a node."""
        return self._of is not None and self._of == _without_keys(data)

    @property
    def there(self) -> bool:
        return self._of is not None

    def take(
        self,
        data: Mapping[str, Any],
        nodes: Sequence[str],
        findings: Sequence[Finding],
        changes: Sequence[PlannedChange],
    ) -> None:
        self._of, self.nodes, self.changes = _without_keys(data), tuple(nodes), tuple(changes)
        self.findings = tuple(findings)

    def forget(self) -> None:
        """Nothing is known of what a run would do: the answers have changed, or a run has changed the nodes."""
        self._of, self.nodes, self.changes, self.findings = None, (), (), ()


def _without_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    rows = data.get("nodes")
    plain = [
        {key: value for key, value in row.items() if key != "hostKey"} if isinstance(row, dict) else row
        for row in (rows if isinstance(rows, list) else [])
    ]
    return {**data, "nodes": plain}
