"""Replay: bring the cluster to what the spec says, and verify it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from assets.credentials import kubeconfigs
from kinstall.answers import load
from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Notice, Outcome, RunFinished, RunStarted, Sink
from kinstall.engine.run import Runner, RunResult
from kinstall.errors import Cancelled, StepFailed, VerifyFailed
from kinstall.operations.options import Options, Report, explain, new_run
from kinstall.operations.plan import Prepared, prepare
from kinstall.operations.preflight import judged
from kinstall.operations.session import Session, given_up
from kinstall.operations.verify import verify_run
from kinstall.plan import PHASES
from kinstall.preflight import judge
from kinstall.state.folder import StateFolder
from kinstall.state.run_log import RunLog, tee
from kinstall.verify import CheckResult

_KUBECTL_SECONDS = 60
"""How long a run that is done otherwise still waits for the operator's kubectl."""


def logged_replay(spec: ClusterSpec, options: Options, shown: Sink) -> Report:
    """replay(), with the run's log in the state folder, and no secret in what is logged and `shown`: what every front
    end calls. Raises as replay() does."""
    options.state.prepare()
    with RunLog(options.state.runs, options.command) as log:
        options.sink = options.secrets.redactor.sink(tee(log, shown))
        return replay(spec, options)


def replay(spec: ClusterSpec, options: Options) -> Report:
    """Bring the cluster to what the spec says, and verify it.

    Raises:
        PreflightFailed, InvalidAnswers: before anything was changed
        StepFailed, Cancelled: the run ended early; running it again continues
        VerifyFailed: the cluster stands, and a check of it failed
    """
    started = time.monotonic()
    state, run = options.state.prepare(), new_run()
    with options.session(spec) as session:
        with given_up(session, options.cancel):
            asked, findings = judged(session, options)
            for _, nodes, check, message, remedy in judge.as_table(findings):
                options.sink(Notice("", f"{nodes}: {check}: {message}" + (f"; {remedy}" if remedy else "")))
            prepared = prepare(session, options, asked, state.pki, run)
        _keep(spec, state, prepared)
        options.sink(_run_started(spec, options, prepared, run))
        runner = Runner(
            prepared.plan,
            session.hosts,
            prepared.surveys,
            options.sink,
            run=run,
            explain=explain,
            cancel=options.cancel,
            parallel=options.parallel,
            until=options.until,
        )
        if any(todo for survey in prepared.surveys.values() for todo in survey.todo.values()):
            state.keep_verified(False)
        kubectl = threading.Thread(target=_fetch_kubectl, args=(session, options), daemon=True)
        kubectl.start()
        result = runner.run()
        checks: tuple[CheckResult, ...] = ()
        if not result.failures and not result.cancelled and not options.until and options.verify:
            # Also where a run that changed something was broken off before its checks, here or on another machine.
            full = result.changed > 0 or not state.verified.exists()
            checks = verify_run(session, prepared, options, full=full)
            if full and all(check.outcome is not Outcome.FAILED for check in checks):
                state.keep_verified(True)
        kubectl.join(timeout=0 if result.failures or result.cancelled else _KUBECTL_SECONDS)
        seconds = time.monotonic() - started
        failed = [check for check in checks if check.outcome is Outcome.FAILED]
        options.sink(_run_finished(result, seconds, failed))
    report = Report(result, seconds, checks)
    if result.failures:
        node, what = next(iter(result.failures.items()))
        more = f" ({len(result.failures)} nodes failed)" if len(result.failures) > 1 else ""
        raise StepFailed(node, what.removeprefix(f"{node}: ") + more, "mend it and run the same command again")
    if result.cancelled:
        raise Cancelled("stopped at a step boundary", "the same command continues where it stopped")
    if failed:
        raise VerifyFailed(f"{len(failed)} of {len(checks)} checks failed: {failed[0].check}: {failed[0].message}")
    return report


def _fetch_kubectl(session: Session, options: Options) -> None:
    complaint = session.fetch_kubectl(options.state)
    if complaint:
        options.sink(Notice("", complaint))


def _keep(spec: ClusterSpec, state: StateFolder, prepared: Prepared) -> None:
    """What the next run and the operator need, written before the nodes are touched."""
    text = load.dump(spec).encode()
    files = {
        state.answers: text,
        state.admin_conf: kubeconfigs.admin_conf(spec, prepared.inputs.pki).content,
        state.super_admin_conf: kubeconfigs.super_admin_conf(spec, prepared.inputs.pki).content,
    }
    for path, content in files.items():
        if state.read(path) != content:
            state.write(path, content)
    state.write_nodes(prepared.inputs.pod_cidrs)


def _run_started(spec: ClusterSpec, options: Options, prepared: Prepared, run: str) -> RunStarted:
    plan = prepared.plan
    totals = {name: sum(1 for _ in plan.of(name)) for name in plan.nodes}
    return RunStarted(run, options.command, spec.cluster_name, PHASES, dict(plan.nodes), plan.total(), totals)


def _run_finished(result: RunResult, seconds: float, failed_checks: Sequence[CheckResult]) -> RunFinished:
    outcome = Outcome.FAILED if failed_checks else result.outcome
    message = next(iter(result.failures.values()), "")
    return RunFinished(outcome, result.changed, result.ok, result.failed, seconds, message)
