"""What verify says of one check: plain records for a table, for JSON and for an exit code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from kinstall.engine.events import Outcome


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: `outcome` is ok, failed or skipped; `message` is what was seen, the cause or the reason.

    `node` is empty for a check of the whole cluster; `seconds` is what the check itself took.
    """

    check: str
    outcome: Outcome
    message: str = ""
    seconds: float = 0.0
    node: str = ""


def as_dict(result: CheckResult) -> dict[str, Any]:
    """The result as JSON-ready data: check, outcome, message, seconds, node."""
    return {**asdict(result), "outcome": result.outcome.value, "seconds": round(result.seconds, 3)}


def any_failed(results: Iterable[CheckResult]) -> bool:
    """Whether verify's verdict is exit code 6."""
    return any(result.outcome is Outcome.FAILED for result in results)
