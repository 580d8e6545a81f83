"""Replay: bring the cluster to what the answers say, and verify it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import closing

from assets.credentials import kubeconfigs
from kinstall.answers import load
from kinstall.cluster import ClusterSpec
from kinstall.diagnosis.explain import explain
from kinstall.engine.events import Notice, Outcome, RunFinished, RunStarted, Sink
from kinstall.engine.run import Runner, RunResult
from kinstall.engine.steps import After, Phase, Plan, Scope
from kinstall.errors import Cancelled, StepFailed, Unreachable, VerifyFailed
from kinstall.operations.options import OnCheck, Options, Report, new_run
from kinstall.operations.preflight import require_preflight
from kinstall.operations.session import Session, closed_on
from kinstall.operations.survey import PlanSurvey, survey
from kinstall.operations.verify import verify_run
from kinstall.pki.pki_folder import PkiFolder
from kinstall.plan import addons, downloads, kubernetes, prepare
from kinstall.plan import phase_names as names
from kinstall.plan.node_inputs import Inputs, parts
from kinstall.preflight import judge
from kinstall.state.folder import StateFolder
from kinstall.state.run_log import RunLog, tee
from kinstall.verify import CheckResult

_KUBECTL_SECONDS = 60
"""How long a run that has nothing else left to do waits for the operator's kubectl."""


def phases(inputs: Inputs) -> Plan:
    """The order in which a cluster comes up."""
    nodes, on, leader = inputs.nodes, parts(inputs), inputs.leader
    planes = (leader, *(node for node in nodes if node.is_control_plane and node != leader))
    return Plan(
        phases=(
            Phase(names.PREPARE, on(nodes, prepare.steps)),
            Phase(names.DOWNLOAD, on(nodes, downloads.downloads), (After(names.PREPARE),)),
            Phase(names.RUNTIME, on(nodes, downloads.runtime), (After(names.DOWNLOAD),)),
            Phase(names.IMAGES, on(nodes, downloads.images), (After(names.RUNTIME),)),
            Phase(names.KUBERNETES, on(nodes, kubernetes.kubelets), (After(names.IMAGES),)),
            # One after the other: the leader brings the objects that the next ones need.
            Phase(names.CONTROL_PLANE, on(planes, kubernetes.control_plane), (After(names.KUBERNETES),), batch=1),
            Phase(
                names.NETWORK,
                on(nodes, addons.network),
                (After(names.KUBERNETES), After(names.CONTROL_PLANE, Scope.ALL)),
            ),
            # A worker that failed must not keep the others from getting their DNS.
            Phase(names.ADDONS, {leader.name: addons.addons(inputs)}, (After(names.NETWORK, Scope.SETTLED),)),
        ),
        nodes={node.name: node.role for node in nodes},
    )


def logged_replay(
    spec: ClusterSpec,
    options: Options,
    shown: Sink,
    on_check: OnCheck = lambda result: None,
    cancel: threading.Event | None = None,
) -> Report:
    """replay(), with the run's log in the state folder, and no secret in what is logged and `shown`: what every front
    end calls. Raises as replay() does."""
    options.state.prepare()
    with RunLog(options.state.runs, options.command) as log:
        return replay(spec, options, options.secrets.redactor.sink(tee(log, shown)), on_check, cancel)


def replay(
    spec: ClusterSpec,
    options: Options,
    sink: Sink = lambda event: None,
    on_check: OnCheck = lambda result: None,
    cancel: threading.Event | None = None,
) -> Report:
    """Bring the cluster to what the spec says, and verify it. `cancel` ends it at the next step of each node.

    Raises:
        PreflightFailed, InvalidAnswers: before anything was changed
        StepFailed, Cancelled: the run ended early; running it again continues
        Unreachable: nodes did not answer and were left alone; the others are as the answers say
        VerifyFailed: the cluster is there, and a check of it failed
    """
    started = time.monotonic()
    cancel = cancel or threading.Event()
    state, run = options.state.prepare(), new_run()
    with closing(options.session(spec)) as session:
        with closed_on(session, cancel):
            preflight = require_preflight(session, options)
            for _, nodes, check, message, remedy in judge.as_table(preflight.findings):
                sink(Notice("", f"{nodes}: {check}: {message}" + (f"; {remedy}" if remedy else "")))
            surveyed = survey(session, options, preflight, phases, pki=PkiFolder(state.pki), run=run, sink=sink)
        alone = [node.name for node in spec.nodes if node not in surveyed.inputs.nodes]
        _keep(spec, state, surveyed.inputs)
        sink(_run_started(spec, options, surveyed))
        runner = Runner(
            surveyed.plan,
            {name: session.hosts[name] for name in surveyed.plan.nodes},
            surveyed.nodes,
            sink,
            run=run,
            explain=lambda step, lines: explain(lines),
            cancel=cancel,
            parallel=options.parallel,
            until=options.until,
        )
        if any(todo for node in surveyed.nodes.values() for todo in node.todo.values()):
            state.keep_verified(False)
        kubectl = threading.Thread(target=_fetch_kubectl, args=(session, state, sink), daemon=True)
        kubectl.start()
        result = runner.run()
        checks: tuple[CheckResult, ...] = ()
        if not result.failures and not result.cancelled and not options.until and options.verify:
            # Also where a run that changed something was interrupted before its checks, here or on another machine.
            full = result.changed > 0 or not state.verified.exists()
            checks = verify_run(session, surveyed.inputs, sink, on_check, cancel, full=full)
            if full and not alone and all(check.outcome is not Outcome.FAILED for check in checks):
                state.keep_verified(True)
        kubectl.join(timeout=0 if result.failures or result.cancelled else _KUBECTL_SECONDS)
        seconds = time.monotonic() - started
        failed = [check for check in checks if check.outcome is Outcome.FAILED]
        sink(_run_finished(result, seconds, failed, alone))
    if result.failures:
        node, what = next(iter(result.failures.items()))
        more = f" ({len(result.failures)} nodes failed)" if len(result.failures) > 1 else ""
        raise StepFailed(node, what.removeprefix(f"{node}: ") + more, "fix it, then run the same command again")
    if result.cancelled:
        raise Cancelled("stopped at a step boundary", "the same command continues where it stopped")
    if alone:
        raise _left_alone(alone)
    if failed:
        raise VerifyFailed(f"{len(failed)} of {len(checks)} checks failed: {failed[0].check}: {failed[0].message}")
    return Report(result, seconds, checks)


def _fetch_kubectl(session: Session, state: StateFolder, sink: Sink) -> None:
    complaint = session.fetch_kubectl(state)
    if complaint:
        sink(Notice("", complaint))


def _keep(spec: ClusterSpec, state: StateFolder, inputs: Inputs) -> None:
    """What the next run and the operator need, written before the nodes are touched."""
    files = {
        state.answers: load.dump(spec).encode(),
        state.admin_conf: kubeconfigs.admin_conf(spec, inputs.pki).content,
        state.super_admin_conf: kubeconfigs.super_admin_conf(spec, inputs.pki).content,
    }
    for path, content in files.items():
        if state.read(path) != content:
            state.write(path, content)
    state.write_nodes(inputs.pod_cidrs)


def _run_started(spec: ClusterSpec, options: Options, surveyed: PlanSurvey) -> RunStarted:
    plan = surveyed.plan
    totals = {name: sum(1 for _ in plan.of(name)) for name in plan.nodes}
    in_order = tuple(phase.name for phase in plan.phases)
    return RunStarted(
        surveyed.run, options.command, spec.cluster_name, in_order, dict(plan.nodes), plan.total(), totals
    )


def _left_alone(nodes: Sequence[str]) -> Unreachable:
    return Unreachable(
        ", ".join(nodes),
        "no answer: left alone, while the other nodes were brought to what the answers say",
        "start it or fix the connection, then run the same command again",
    )


def _run_finished(
    result: RunResult, seconds: float, failed_checks: Sequence[CheckResult], alone: Sequence[str]
) -> RunFinished:
    outcome = Outcome.FAILED if failed_checks or (alone and not result.cancelled) else result.outcome
    message = next(iter(result.failures.values()), _left_alone(alone).what if alone else "")
    return RunFinished(outcome, result.changed, result.ok, result.failed, seconds, message)
