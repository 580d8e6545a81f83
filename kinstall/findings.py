"""Problems of an answers file and findings on nodes. Plain records, no I/O."""

from __future__ import annotations

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
        where = f"line {self.line}, {self.path}" if self.line and self.path else self.path or f"line {self.line}"
        return f"{where}: {self.message}" + (f"; {self.remedy}" if self.remedy else "")


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
