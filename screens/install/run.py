"""One run of the wizard: its answers, its progress, how it ended. No Textual, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Event
from kinstall.errors import Cancelled, KinstallError, PreflightFailed, StepFailed, VerifyFailed
from kinstall.findings import Severity, grouped
from kinstall.wording import listed
from screens.install.model import Model

if TYPE_CHECKING:
    from kinstall.operations.options import Report
    from kinstall.verify import CheckResult


class Stage(Enum):
    """The stage of a run. After STOPPED and FAILED the same run can be started again, and continues where it was."""

    IDLE = "not started"
    RUNNING = "running"
    STOPPING = "stopping after the current steps"
    STOPPED = "stopped"
    FAILED = "failed"
    UNVERIFIED = "the cluster is up, but a check failed"
    DONE = "done"


UNDER_WAY = frozenset({Stage.RUNNING, Stage.STOPPING})


@dataclass(slots=True)
class Run:
    """The run of one answers file; `add`, `succeed` and `fail` are called on the event loop."""

    answers: Path | None = None
    spec: ClusterSpec | None = None
    stage: Stage = Stage.IDLE
    model: Model = field(default_factory=Model)
    error: KinstallError | None = None
    report: Report | None = None
    checks: list[CheckResult] = field(default_factory=list)
    began: float = 0.0
    rehearsal: bool = False
    """On simulated hosts: there is no cluster after it."""
    consented: ClusterSpec | None = None
    """What the operator said Begin to: only this may be repeated without a question."""
    before: str = ""
    """How the run before this session fell short, as a sentence."""

    def begin(self, answers: Path, spec: ClusterSpec, now: float, *, rehearsal: bool = False) -> None:
        """Start a run; nothing of an earlier one is kept."""
        self.rehearsal = rehearsal
        self.answers, self.spec, self.stage, self.began = answers, spec, Stage.RUNNING, now
        self.model, self.error, self.report, self.checks = Model(), None, None, []

    def add(self, item: Event | CheckResult, at: float) -> None:
        if isinstance(item, Event):
            self.model.fold(item, at)
        else:
            self.checks.append(item)

    def succeed(self, report: Report) -> None:
        self.report, self.stage = report, Stage.DONE

    def fail(self, error: KinstallError) -> None:
        self.error = error
        match error:
            case Cancelled():
                self.stage = Stage.STOPPED
            case VerifyFailed():
                self.stage = Stage.UNVERIFIED
            case _:
                self.stage = Stage.FAILED

    @property
    def under_way(self) -> bool:
        return self.stage in UNDER_WAY

    @property
    def has_cluster(self) -> bool:
        """Whether there is a cluster to continue with."""
        return self.stage in (Stage.DONE, Stage.UNVERIFIED) and not self.rehearsal

    @property
    def repeatable(self) -> bool:
        """Whether the run ended early, so that the same one goes on where it was."""
        return self.stage in (Stage.FAILED, Stage.STOPPED, Stage.UNVERIFIED) and not self.rehearsal

    def refused(self) -> dict[str, str]:
        """Node → why preflight refused it, where the run ended with that."""
        found: dict[str, str] = {}
        for each in self.error.findings if isinstance(self.error, PreflightFailed) else ():
            if each.severity is Severity.ERROR and each.node:
                found.setdefault(each.node, f"{each.check}: {each.message}")
        return found

    def trouble(self, chosen: str | None) -> tuple[str, str] | None:
        """(heading, text) of what went wrong and what to do, on the chosen node or else on the first; None if nothing.

        A run that failed before its first step has no node's failure; then it is the run's own error.
        """
        failures = self.model.progress.failures
        failure = next((each for each in failures if each.node == chosen), failures[0] if failures else None)
        if failure is not None:
            where = f"{failure.node or 'cluster'} ✗ {failure.phase}"
            step = f"{failure.step}: {failure.outcome.value}\n" if failure.step else ""
            return where, step + (failure.message or "it gave no reason")
        if self.error is None or self.stage is Stage.STOPPED:
            return None
        return "nothing was changed" if _before_a_change(self.error) else "the run ended", _sentences(self.error)


def _before_a_change(error: KinstallError) -> bool:
    return not isinstance(error, (StepFailed, VerifyFailed))


def _sentences(error: KinstallError) -> str:
    """The error, and of preflight each error."""
    lines = [error.what] + ([f"  {error.remedy}"] if error.remedy else [])
    if isinstance(error, PreflightFailed):
        for finding, nodes in grouped(each for each in error.findings if each.severity is Severity.ERROR):
            names = listed([node or "cluster" for node in nodes])
            lines.append(f"✗ {names}: {finding.check}: {finding.message}")
            if finding.remedy:
                lines.append(f"  {finding.remedy}")
    return "\n".join(lines)
