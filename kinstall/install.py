"""The shared path of every front end: preflight, plan, replay, verify and reset of one cluster.

Everything here raises kinstall.errors only; nothing prints. Events go to a sink.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from assets import kubeconfig, paths
from assets.x509 import ca_fingerprint
from kinstall import answers, causes, preflight, verify
from kinstall.addressing import assign_pod_cidrs
from kinstall.digests import resolve
from kinstall.engine.events import (
    Notice,
    Outcome,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunStarted,
    Sink,
    StepFinished,
)
from kinstall.engine.preview import PlannedChange, planned_changes, to_read
from kinstall.engine.runner import NodeSurvey, Runner, RunResult, for_each, survey_node, undo_all
from kinstall.engine.steps import Plan, Step
from kinstall.errors import Cancelled, KinstallError, StepFailed, UsageError, VerifyFailed
from kinstall.findings import Finding
from kinstall.kubectl import fetch_kubectl
from kinstall.living import refuse_changes
from kinstall.pki_store import ensure_pki
from kinstall.plan import PHASES, Inputs, NodeFound, build_plan
from kinstall.recovery import recover_pki
from kinstall.secrets import Secrets
from kinstall.session import Asked, Session, given_up, open_session, require
from kinstall.spec import ClusterSpec
from kinstall.state import StateFolder
from kinstall.verify import CheckResult


@dataclass(slots=True, kw_only=True)
class Options:
    """How a command runs. `on_check` hears verify's results as they come; `until` ends after that phase."""

    state: StateFolder
    secrets: Secrets = field(default_factory=Secrets)
    session: Callable[[ClusterSpec], Session]
    sink: Sink = lambda event: None
    on_check: Callable[[CheckResult], None] = lambda result: None
    cancel: threading.Event = field(default_factory=threading.Event)
    parallel: int = 32
    until: str = ""
    recover_pki: bool = False
    verify: bool = True
    command: str = "replay"


@dataclass(frozen=True, slots=True)
class Report:
    """What a replay did. `checks` are verify's results, empty where it did not come to that."""

    result: RunResult
    seconds: float
    checks: tuple[CheckResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and what the nodes have of it already."""

    plan: Plan
    inputs: Inputs
    surveys: Mapping[str, NodeSurvey]
    run: str


_KUBECTL_SECONDS = 60
"""How long a run that is done otherwise still waits for the operator's kubectl."""


def new_run() -> str:
    """A name for a run: what a node's owner file holds."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"


# Preflight


def run_preflight(session: Session, state: StateFolder) -> tuple[dict[str, Asked], list[Finding]]:
    """Ask all nodes and judge their answers; nothing is changed anywhere."""
    spec = session.spec
    asked, findings = session.ask()
    fingerprint = _known_fingerprint(state)
    facts = {name: each.facts for name, each in asked.items()}
    for name, each in asked.items():
        findings += preflight.check_node(spec, spec.node(name), each.facts, each.clock, fingerprint)
    findings += preflight.check_cluster(spec, facts, {name: each.clock for name, each in asked.items()})
    return asked, findings


def _judged(session: Session, options: Options) -> tuple[dict[str, Asked], list[Finding]]:
    """run_preflight() for what goes on from there: what the answers may not change comes first, as it explains much of
    what preflight then finds.

    Raises:
        InvalidAnswers, PreflightFailed
    """
    asked, findings = run_preflight(session, options.state)
    told = {name: each.facts.cluster for name, each in asked.items() if each.facts.cluster}
    refuse_changes(session.spec, options.state, told, _known_fingerprint(options.state))
    require(findings)
    return asked, findings


def _known_fingerprint(state: StateFolder) -> str:
    certificate = state.read(state.pki / "ca.crt")
    return ca_fingerprint(certificate) if certificate else ""


# Plan


def prepare(session: Session, options: Options, asked: Mapping[str, Asked], pki: Path, run: str) -> Prepared:
    """From facts to a plan and a survey. `pki` is the folder whose keys are used and completed.

    Raises:
        UsageError, TransportError, PkiMissing, PkiUnusable
    """
    spec = session.spec
    recorded = {name: each.facts.cluster for name, each in asked.items() if each.facts.cluster}
    living = bool(recorded)
    if living and options.recover_pki and not (pki / "ca.key").exists():
        recover_pki(spec, session.hosts, pki)
    keys = ensure_pki(spec, pki, datetime.now(UTC), create_cas=not living)
    kept = {**options.state.read_nodes(), **{name: str(who["podCIDR"]) for name, who in recorded.items()}}
    digests = resolve(spec, (each.facts.architecture for each in asked.values()))
    inputs = Inputs(
        spec=spec,
        pki=keys,
        ca_fingerprint=ca_fingerprint(keys.ca.certificate_pem),
        pod_cidrs=assign_pod_cidrs(spec, kept),
        found={node.name: _found(spec, asked[node.name], node.address, digests) for node in spec.nodes},
    )
    plan = build_plan(inputs)
    surveys: dict[str, NodeSurvey] = {}
    for name, result in for_each(
        session.hosts, lambda host: survey_node(plan, host, run, options.sink), options.parallel
    ).items():
        if isinstance(result, KinstallError):
            raise result
        surveys[name] = result
    return Prepared(plan, inputs, surveys, run)


def _found(spec: ClusterSpec, asked: Asked, address: str, digests: Mapping[str, Mapping[str, str]]) -> NodeFound:
    facts = asked.facts
    own = facts.interface_of(address)
    return NodeFound(
        arch=facts.architecture,
        digests=digests[facts.architecture],
        mtu=own[0].mtu if own else 0,
        resolv_conf=facts.resolv_conf,
        has_resolver=bool(facts.upstream_nameservers),
        ca_folders=facts.ca_folders,
    )


def plan_only(spec: ClusterSpec, options: Options) -> tuple[list[Finding], list[PlannedChange]]:
    """What a replay would do, per node and step; nothing is changed on any node or in the state folder."""
    with options.session(spec) as session, tempfile.TemporaryDirectory(prefix="kinstall-") as scratch:
        asked, findings = _judged(session, options)
        pki = Path(scratch) / "pki"
        if options.state.pki.exists():
            shutil.copytree(options.state.pki, pki)
        prepared = prepare(session, options, asked, pki, run="")
        changes: list[PlannedChange] = []
        for name, survey in prepared.surveys.items():
            contents = session.hosts[name].read(to_read(survey.todo)) if to_read(survey.todo) else {}
            changes += planned_changes(name, survey.todo, contents)
        return findings, changes


# Replay


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
            asked, findings = _judged(session, options)
            for _, nodes, check, message, remedy in preflight.as_table(findings):
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
        kubectl = threading.Thread(target=_fetch_kubectl, args=(spec, options), daemon=True)
        kubectl.start()
        result = runner.run()
        checks: tuple[CheckResult, ...] = ()
        if not result.failures and not result.cancelled and not options.until and options.verify:
            checks = _verify(session, prepared, options, full=result.changed > 0)
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


def _fetch_kubectl(spec: ClusterSpec, options: Options) -> None:
    complaint = fetch_kubectl(spec, options.state)
    if complaint:
        options.sink(Notice("", complaint))


def _keep(spec: ClusterSpec, state: StateFolder, prepared: Prepared) -> None:
    """What the next run and the operator need, written before the nodes are touched."""
    text = answers.dump(spec).encode()
    files = {
        state.answers: text,
        state.admin_conf: kubeconfig.admin_conf(spec, prepared.inputs.pki).content,
        state.super_admin_conf: kubeconfig.super_admin_conf(spec, prepared.inputs.pki).content,
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


def explain(step: Step, lines: Sequence[str]) -> str:
    """The cause of a step's failure, out of what it said."""
    return causes.explain(lines)


# Verify

SETTLES = 20.0
"""Seconds: the kubelet tells of static pods at most every ten, so a cluster that has just started looks unready."""


def _verify(session: Session, prepared: Prepared, options: Options, *, full: bool) -> tuple[CheckResult, ...]:
    """Verify at a run's end, told as a phase of the cluster: events without a node."""
    started = time.monotonic()
    options.sink(PhaseStarted("", "verify", 0, 0))

    def heard(result: CheckResult) -> None:
        options.on_check(result)
        name = f"{result.check} {result.node}".strip()
        options.sink(StepFinished("", "verify", name, result.outcome, result.seconds, result.message))

    results = _checks(session, prepared, options, heard, full=full)
    bad = any(result.outcome is Outcome.FAILED for result in results)
    options.sink(PhaseFinished("", "verify", Outcome.FAILED if bad else Outcome.OK, time.monotonic() - started))
    return results


def _checks(
    session: Session, prepared: Prepared, options: Options, heard: Callable[[CheckResult], None], *, full: bool
) -> tuple[CheckResult, ...]:
    if not full:
        results = verify.read_only(session.spec, session.channels, patience=SETTLES)
        for result in results:
            heard(result)
        return tuple(results)
    has_resolver = all(found.has_resolver for found in prepared.inputs.found.values())
    return tuple(verify.full(session.spec, session.channels, has_resolver, heard, options.cancel))


def verify_only(spec: ClusterSpec, options: Options) -> tuple[CheckResult, ...]:
    """All checks of a cluster that stands.

    Raises:
        PreflightFailed: a node cannot be asked
    """
    with options.session(spec) as session:
        asked, findings = session.ask()
        require(findings)
        has_resolver = all(each.facts.upstream_nameservers for each in asked.values())
        return tuple(verify.full(spec, session.channels, has_resolver, options.on_check, options.cancel))


# Reset


def reset(spec: ClusterSpec, options: Options, nodes: Sequence[str]) -> dict[str, str]:
    """Undo on `nodes` what their records say, the last first; returns node → sentence for those that failed.

    Raises:
        UsageError: a name is no node of the answers
    """
    unknown = sorted(set(nodes) - {node.name for node in spec.nodes})
    if unknown:
        raise UsageError(f"{', '.join(unknown)} is no node of these answers")
    started, run = time.monotonic(), new_run()
    all_of_them = set(nodes) == {node.name for node in spec.nodes}
    with options.session(spec) as session:
        targets = {name: host for name, host in session.hosts.items() if name in nodes}
        options.sink(
            RunStarted(
                run, "reset", spec.cluster_name, ("undo",), {n.name: n.role for n in spec.nodes if n.name in nodes}, 0
            )
        )
        if not all_of_them:
            _forget_nodes(session, nodes)
        failures = undo_all(targets, options.sink, run=run, explain=explain, parallel=options.parallel)
        outcome = Outcome.FAILED if failures else Outcome.CHANGED
        done = len(targets) - len(failures)
        options.sink(RunFinished(outcome, done, 0, len(failures), time.monotonic() - started))
    kept = {name: cidr for name, cidr in options.state.read_nodes().items() if name not in nodes or name in failures}
    if options.state.exists():
        options.state.write_nodes(kept)
    return failures


def _forget_nodes(session: Session, nodes: Sequence[str]) -> None:
    """Take the Node objects of nodes that leave out of the cluster, while there still is one."""
    plane = session.spec.control_planes[0].name
    if plane in nodes:
        return
    names = " ".join(nodes)
    session.channels[plane].execute(
        f"HOME=/run/kinstall/home {paths.KUBECTL_BIN} --kubeconfig={paths.ADMIN_CONF} "
        f"delete node --ignore-not-found --timeout=30s {names}\n"
    )


__all__ = [
    "Options",
    "Prepared",
    "Report",
    "open_session",
    "plan_only",
    "prepare",
    "replay",
    "reset",
    "run_preflight",
    "verify_only",
]
