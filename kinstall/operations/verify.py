"""Verify: at a run's end, or by itself."""

from __future__ import annotations

import time

from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Outcome, PhaseFinished, PhaseStarted, StepFinished
from kinstall.operations.options import Options
from kinstall.operations.plan import Prepared
from kinstall.operations.session import Session, require
from kinstall.verify import CheckResult


def verify_run(session: Session, prepared: Prepared, options: Options, *, full: bool) -> tuple[CheckResult, ...]:
    """Verify at a run's end, told as a phase of the cluster: events without a node."""
    started = time.monotonic()
    options.sink(PhaseStarted("", "verify", 0, 0))

    def heard(result: CheckResult) -> None:
        options.on_check(result)
        name = f"{result.check} {result.node}".strip()
        options.sink(StepFinished("", "verify", name, result.outcome, result.seconds, result.message))

    has_resolver = all(found.has_resolver for found in prepared.inputs.found.values())
    results = session.verify(heard, options.cancel, full=full, has_resolver=has_resolver)
    outcomes = {result.outcome for result in results}
    ended = Outcome.FAILED if Outcome.FAILED in outcomes else Outcome.OK if Outcome.OK in outcomes else Outcome.SKIPPED
    options.sink(PhaseFinished("", "verify", ended, time.monotonic() - started))
    return results


def verify_only(spec: ClusterSpec, options: Options) -> tuple[CheckResult, ...]:
    """All checks of a cluster that stands.

    Raises:
        PreflightFailed: a node cannot be asked
    """
    with options.session(spec) as session:
        asked, findings = session.ask()
        require(findings)
        has_resolver = all(each.facts.upstream_nameservers for each in asked.values())
        return session.verify(options.on_check, options.cancel, full=True, has_resolver=has_resolver)
