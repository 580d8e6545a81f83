"""A run as one self-contained HTML page: no script, no external font or picture. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kinstall import __version__
from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Event, Notice, Outcome, RunStarted, StepFinished
from kinstall.progress.model import NodeProgress, Progress
from kinstall.progress.text import MARKS, OUTCOME_KINDS, duration
from kinstall.progress.timeline import Timeline
from kinstall.report.markup import Html, element, joined
from kinstall.report.run import Run
from kinstall.report.style import CSS
from kinstall.report.svg import timeline_svg
from kinstall.wording import count

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
VERIFY = "verify"
REHEARSAL = "rehearse"


_BANNER = "This was a rehearsal on simulated hosts: there is no cluster, and what only a real one can show was skipped."


@dataclass(frozen=True, slots=True)
class Commands:
    """What the operator types next: kubectl's path, the admin's kubeconfig, the answers file."""

    kubectl: str
    kubeconfig: str
    answers: str


def headline_of(run: Run, spec: ClusterSpec | None) -> str:
    """One sentence on how a run ended; `spec` as in page()."""
    return headline(run, run.progress(), _verified(run), spec)


def page(run: Run, spec: ClusterSpec | None, commands: Commands) -> str:
    """The page. `spec`: the run's answers, None if they can no longer be read."""
    progress, timeline = run.progress(), run.timeline()
    checks = _verified(run)
    title = headline(run, progress, checks, spec)
    body = joined(
        element("h1", title),
        element("p", _about(run), class_="about"),
        element("p", _BANNER, class_="banner") if progress.command == REHEARSAL else Html(""),
        _failures(progress),
        _section("Cluster", _cluster(spec) if spec else Html("")),
        _section("Checks", _checks(checks)),
        _section("Timeline", joined(timeline_svg(timeline), _seconds(timeline))),
        _section("Changes", _changes(run, progress)),
        _section("Findings and notices", _notices(run)),
        _section("Next steps", element("pre", "\n".join(_to_go_on(run, progress, commands)))),
    )
    head = joined(
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width"),
        element("title", f"kinstall: {title}"),
        element("style", Html(CSS)),
    )
    return f"<!DOCTYPE html>\n{element('html', element('head', head), element('body', body), lang='en')}\n"


def headline(run: Run, progress: Progress, checks: Sequence[StepFinished], spec: ClusterSpec | None) -> str:
    """One sentence on how the run ended: `cluster demo is up: 3 nodes, Kubernetes 1.37.2, in 1 min 38 s`."""
    finished, name = run.finished, progress.cluster
    failed = [check for check in checks if check.outcome is Outcome.FAILED]
    if progress.command == REHEARSAL:
        return _rehearsed(run, progress)
    if finished is None:
        return f"the {progress.command} of {name} was interrupted, or is still running"
    took = f"in {duration(finished.seconds)}"
    if finished.outcome is Outcome.CANCELLED:
        return f"the {progress.command} of {name} was stopped {took}"
    if finished.failed or (finished.outcome is Outcome.FAILED and not failed):
        bad = [node.name for node in progress.nodes.values() if node.failure is not None and node.name]
        return f"the {progress.command} of {name} failed {took}" + (f": {', '.join(bad)}" if bad else "")
    if progress.command == "reset":
        return f"cluster {name} was removed from {count(len(progress.nodes), 'node')} {took}"
    if failed:
        return f"cluster {name} is up, but {len(failed)} of {count(len(checks), 'check')} failed, {took}"
    nodes = count(sum(1 for node in progress.nodes if node), "node")
    version = f", Kubernetes {spec.kubernetes_version}" if spec else ""
    return f"cluster {name} {'is up' if checks else 'was changed, but not verified'}: {nodes}{version}, {took}"


def _rehearsed(run: Run, progress: Progress) -> str:
    """`Rehearsal of demo: 3 simulated nodes came up in 4 s; no host was touched`: never what a cluster's page says."""
    finished = run.finished
    nodes = count(sum(1 for node in progress.nodes if node), "simulated node")
    if finished is None:
        ended = "was interrupted, or is still running"
    elif finished.outcome is Outcome.CANCELLED:
        ended = f"was stopped in {duration(finished.seconds)}"
    elif finished.failed or finished.outcome is Outcome.FAILED:
        ended = f"failed in {duration(finished.seconds)}"
    else:
        ended = f"came up in {duration(finished.seconds)}"
    return f"Rehearsal of {progress.cluster}: {nodes}, {ended}; no host was touched"


def _about(run: Run) -> str:
    began = f"{run.began:%Y-%m-%d %H:%M:%S} UTC" if run.began else "an unknown time"
    later = f" {count(run.later, 'later run')} ended before anything was changed." if run.later else ""
    return f"Run of {began}, log {run.name}; report by kinstall {__version__}.{later}"


def _section(title: str, content: Html) -> Html:
    return element("section", element("h2", title), content) if content else Html("")


def _steps(run: Run) -> Iterator[StepFinished]:
    return (event for _, event in run.events if isinstance(event, StepFinished))


def _verified(run: Run) -> list[StepFinished]:
    return [event for event in _steps(run) if event.phase == VERIFY and not event.node]


def _mark(outcome: Outcome) -> Html:
    kind = OUTCOME_KINDS[outcome]
    return element("td", f"{MARKS[kind]} {outcome.value}", class_=f"mark {kind}")


def _table(columns: Sequence[str], rows: Sequence[Html], numbers: Sequence[str] = ()) -> Html:
    if not rows:
        return Html("")
    heads = (element("th", name, **({"class_": "number"} if name in numbers else {})) for name in columns)
    return element("table", element("thead", element("tr", *heads)), element("tbody", *rows))


# The sections


def _failures(progress: Progress) -> Html:
    rows = [
        element(
            "tr",
            _mark(failure.outcome),
            element("td", failure.node or "cluster"),
            element("td", failure.phase),
            element("td", failure.step),
            element("td", failure.message),
        )
        for failure in progress.failures
        if failure.phase != VERIFY  # listed under the checks
    ]
    return _section("What went wrong", _table(("", "Node", "Phase", "Step", "Cause"), rows))


def _cluster(spec: ClusterSpec) -> Html:
    networking = spec.networking
    facts = {
        "Kubernetes": spec.kubernetes_version,
        "API": spec.endpoint,
        "Security": spec.security.mode,
        "Pods": f"{networking.pod_subnet}, /{networking.node_cidr_mask_size} per node, {networking.pod_network}",
        "Services": networking.service_subnet,
        "DNS domain": networking.dns_domain,
    }
    rows = [
        element(
            "tr",
            element("td", node.name),
            element("td", node.role),
            element("td", node.internal_ip),
            element("td", ", ".join(f"{key}={value}" for key, value in spec.labels_of(node).items())),
        )
        for node in spec.nodes
    ]
    listed = (piece for key, value in facts.items() for piece in (element("dt", key), element("dd", value)))
    return joined(element("dl", *listed), element("p"), _table(("Node", "Role", "Address", "Labels"), rows))


def _checks(checks: Sequence[StepFinished]) -> Html:
    rows = [
        element(
            "tr",
            _mark(check.outcome),
            element("td", check.step),
            element("td", f"{check.seconds:.1f} s", class_="number"),
            element("td", check.message),
        )
        for check in checks
    ]
    return _table(("", "Check", "Time", "Result"), rows, numbers=("Time",))


def _seconds(timeline: Timeline) -> Html:
    """The chart's numbers, for those who cannot see the chart."""
    rows = []
    for lane in timeline.lanes:
        spent = {span.phase: 0.0 for span in lane.spans}
        for span in lane.spans:
            spent[span.phase] += span.seconds
        cells = (
            element("td", f"{spent[phase]:.1f}" if phase in spent else "", class_="number") for phase in timeline.phases
        )
        rows.append(element("tr", element("td", lane.node or "cluster"), *cells))
    table = _table(("Node", *timeline.phases), rows, numbers=timeline.phases)
    return element("details", element("summary", "Seconds per node and phase"), table) if timeline.phases else Html("")


def _changes(run: Run, progress: Progress) -> Html:
    changed: dict[tuple[str, str, str], StepFinished] = {}
    for event in _steps(run):
        if event.phase != VERIFY and event.outcome is Outcome.CHANGED:
            changed[event.node, event.phase, event.step] = event
    return joined(*(_changed_on(node, [e for e in changed.values() if e.node == name], progress.command)
                    for name, node in progress.nodes.items() if name))  # fmt: skip


def _changed_on(node: NodeProgress, changed: Sequence[StepFinished], command: str) -> Html:
    right = sum(1 for phase in node.phases.values() for outcome in phase.outcomes.values() if outcome is Outcome.OK)
    done = "undone" if command == "reset" else "changed"
    summary = f"{node.name} ({node.role}): {len(changed)} {done}, {right} unchanged"
    rows = [
        element(
            "tr",
            element("td", event.phase),
            element("td", event.step),
            element("td", event.message),
            element("td", f"{event.seconds:.1f} s", class_="number"),
        )
        for event in changed
    ]
    if not rows:
        return element("p", summary)
    table = _table(("Phase", "Step", "", "Time"), rows, numbers=("Time",))
    return element("details", element("summary", summary), table)


def _notices(run: Run) -> Html:
    rows = [
        element(
            "tr",
            element("td", "preflight" if at < begun else (notice.node or "cluster")),
            element("td", notice.message),
        )
        for begun in [_begun(run.events)]
        for at, (_, notice) in enumerate(run.events)
        if isinstance(notice, Notice)
    ]
    return _table(("Source", "Message"), rows)


def _begun(events: Sequence[tuple[float, Event]]) -> int:
    """How many events came before the first node was touched: preflight's findings."""
    return next((index for index, (_, event) in enumerate(events) if isinstance(event, RunStarted)), 0)


def _to_go_on(run: Run, progress: Progress, commands: Commands) -> Iterator[str]:
    if progress.command == "reset":
        yield f"kinstall replay {commands.answers}"
        return
    if progress.command == REHEARSAL:
        yield f"kinstall replay {commands.answers}    # the same on the real hosts"
        return
    finished = run.finished
    if finished is None or finished.outcome not in (Outcome.OK, Outcome.CHANGED):
        yield f"kinstall replay {commands.answers}    # after fixing the cause: continues where it stopped"
    yield f"{commands.kubectl} --kubeconfig {commands.kubeconfig} get nodes"
    yield f"kinstall verify {commands.answers}"
    yield f"kinstall plan {commands.answers}    # after changing the answers: what a replay would do"
