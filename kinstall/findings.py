"""Problems of an answers file and findings on nodes. Plain records, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an answers file.

    `path` is the field as the operator writes it (`networking.podSubnet`, `nodes[1].name`), `line` is 1-based
    (0 where there is none), `message` says what is wrong and `remedy` how to fix it.
    """

    path: str
    message: str
    remedy: str = ""
    line: int = 0

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line else ""
        where = ", ".join(part for part in (line, self.path) if part)
        said = f"{where}: {self.message}" if where else self.message
        return f"{said}; {self.remedy}" if self.remedy else said


class Severity(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """A result of preflight on a node: an `ok`, a `warning` or an `error`, with its cause and a remedy.

    `check` is a stable short name (`swap`, `ports`, `clock` …). `node` is empty for a finding about the cluster.
    """

    node: str
    check: str
    severity: Severity
    message: str
    remedy: str = ""


def grouped(findings: Iterable[Finding]) -> list[tuple[Finding, tuple[str, ...]]]:
    """What several nodes share word for word, once: the first such finding and the nodes, in the order of the first."""
    nodes: dict[tuple[str, Severity, str, str], list[str]] = {}
    first: dict[tuple[str, Severity, str, str], Finding] = {}
    for each in findings:
        key = (each.check, each.severity, each.message, each.remedy)
        first.setdefault(key, each)
        nodes.setdefault(key, []).append(each.node)
    return [(first[key], tuple(names)) for key, names in nodes.items()]
