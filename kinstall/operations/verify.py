"""Verify: at a run's end, or by itself."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace

from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Outcome, PhaseFinished, PhaseStarted, Sink, StepFinished
from kinstall.operations.options import OnCheck, Options
from kinstall.operations.preflight import refuse_errors
from kinstall.operations.session import Session, ask
from kinstall.plan.node_inputs import Inputs
from kinstall.verify import CheckResult

VERIFY = "verify"
"""Its phase: of the cluster, not of a node, and after all others."""


def verify_run(
    session: Session, inputs: Inputs, sink: Sink, on_check: OnCheck, cancel: threading.Event, *, full: bool
) -> tuple[CheckResult, ...]:
    """Verify at a run's end, shown as a phase of the cluster: events without a node."""
    started = time.monotonic()
    sink(PhaseStarted("", VERIFY, 0, 0))

    def on_result(result: CheckResult) -> None:
        on_check(result)
        name = f"{result.check} {result.node}".strip()
        sink(StepFinished("", VERIFY, name, result.outcome, result.seconds, result.message))

    has_resolver = all(profile.has_resolver for profile in inputs.profiles.values())
    spec = replace(inputs.spec, nodes=inputs.nodes)
    results = session.verify(spec, on_result, cancel, full=full, has_resolver=has_resolver)
    outcomes = {result.outcome for result in results}
    ended = Outcome.FAILED if Outcome.FAILED in outcomes else Outcome.OK if Outcome.OK in outcomes else Outcome.SKIPPED
    sink(PhaseFinished("", VERIFY, ended, time.monotonic() - started))
    return results


def verify_only(
    spec: ClusterSpec,
    options: Options,
    on_check: OnCheck = lambda result: None,
    cancel: threading.Event | None = None,
) -> tuple[CheckResult, ...]:
    """All checks of a running cluster.

    Raises:
        PreflightFailed: a node cannot be asked
    """
    with closing(options.session(spec)) as session:
        replies = ask(session)
        refuse_errors(replies.findings)
        ranges = (*spec.networking.pods, *spec.networking.services)
        has_resolver = all(each.facts.upstream_nameservers(ranges) for each in replies.nodes.values())
        return session.verify(spec, on_check, cancel or threading.Event(), full=True, has_resolver=has_resolver)
