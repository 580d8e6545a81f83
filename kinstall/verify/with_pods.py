"""The whole check of a cluster: the look, and what pods on every node can do. It removes what it made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Outcome
from kinstall.errors import Cancelled, TransportError
from kinstall.transport.channel import Channel
from kinstall.verify import manifest, objects
from kinstall.verify.check import ActiveCheck, Place, PodCheck, PodQuestion, PodView, skipped, sound
from kinstall.verify.checks import POD_CHECKS
from kinstall.verify.checks.check_pods import CHECK_PODS
from kinstall.verify.checks.clean_up import CLEAN_UP
from kinstall.verify.checks.node_ready import NODE_READY
from kinstall.verify.checks.pod_replaced import POD_REPLACED
from kinstall.verify.checks.pod_to_pod import POD_TO_POD, lost
from kinstall.verify.ground import CheckPod, Ground
from kinstall.verify.look import Look, look
from kinstall.verify.node import ask
from kinstall.verify.program import DONE, WAIT, Call, program
from kinstall.verify.records import Record, of_kind
from kinstall.verify.results import CheckResult
from kinstall.verify.routes import Lost, route_call, route_causes, route_questions
from kinstall.verify.workspace import Workspace

STALE_SECONDS = 900.0
AT_ONCE = 6
"""kubectl processes at a time: each costs 0.1 to 0.2 s of a core."""
NO_POD = "no check pod is ready there"

OnResult = Callable[[CheckResult], None]


def full(
    spec: ClusterSpec,
    hosts: Mapping[str, Channel],
    has_resolver: bool,
    on_result: OnResult = lambda result: None,
    cancel: threading.Event | None = None,
    patience: float = 45.0,
) -> list[CheckResult]:
    """Check everything, in seconds: see read_only() for the first part; then pods on every node are made and asked.

    `hosts`: node name → connected channel. `has_resolver`: whether CoreDNS forwards names to a resolver of the hosts.
    `on_result` gets each result once, on the calling thread. `patience`: seconds that what is still starting
    (after an installation, say) may take, and kube-proxies to learn of a service. What is not healthy is a failed
    result.

    Raises:
        Cancelled: `cancel` was set; what was made is removed first.
    """
    return _Full(spec, hosts, has_resolver, on_result, cancel or threading.Event(), patience).run()


class _Full:
    def __init__(
        self,
        spec: ClusterSpec,
        hosts: Mapping[str, Channel],
        has_resolver: bool,
        on_result: OnResult,
        cancel: threading.Event,
        patience: float,
    ) -> None:
        self.spec, self.hosts, self.has_resolver = spec, hosts, has_resolver
        self.on_result, self.cancel = on_result, cancel
        self.patience, self.patient_until = patience, time.monotonic() + patience
        self.made: list[CheckResult] = []
        self.unhealthy: Sequence[CheckResult] = ()

    def run(self) -> list[CheckResult]:
        first = self._look()
        while first.objects is None and first.may_pass and self._patient(self.patient_until):
            first = self._look()
        # What is not healthy may still be starting: it is looked at again at the end; meanwhile the rest is checked.
        final = [each for each in first.results if each.outcome is not Outcome.FAILED]
        self.unhealthy = [each for each in first.results if each.outcome is Outcome.FAILED]
        for result in final:
            self.on_result(result)
        if first.objects is None:
            self._report(CHECK_PODS.result(skipped("the API does not answer")))
        else:
            self._with_pods(first)
        return [*self._settled(first, final), *self.made]

    def _look(self) -> Look:
        first = look(self.spec, self.hosts)
        self._stop_if_cancelled()
        return first

    def _patient(self, until: float) -> bool:
        """Wait a second, unless patience is over."""
        if time.monotonic() >= until:
            return False
        self.cancel.wait(1.0)
        self._stop_if_cancelled()
        return True

    def _settled(self, first: Look, final: Sequence[CheckResult]) -> list[CheckResult]:
        """The look's results in their order, after what was starting has had its time."""
        if len(final) == len(first.results):
            return list(first.results)
        again = self._look()
        while again.may_pass and self._patient(self.patient_until):
            again = self._look()
        before = {(result.check, result.node): result for result in final}
        settled = [before.get((each.check, each.node), each) for each in again.results]
        for result in settled:
            if (result.check, result.node) not in before:
                self.on_result(result)
        return settled

    def _with_pods(self, first: Look) -> None:
        stale = objects.stale_namespaces(first.objects or (), manifest.PREFIX, first.now, STALE_SECONDS)
        down = frozenset(each.node for each in self.unhealthy if each.check == NODE_READY.name)
        workspace = Workspace(self.spec, self.hosts, first.front, self.cancel, stale, down)
        try:
            self._checks(workspace)
        except TransportError as error:
            words = error.what.removeprefix(f"{first.front}: ")
            self._report(CheckResult("connection", Outcome.FAILED, words, node=first.front))
        finally:
            self._active(CLEAN_UP, workspace)

    def _checks(self, workspace: Workspace) -> None:
        self._active(CHECK_PODS, workspace)
        ground = workspace.ground
        if ground is None:
            return
        if not ground.spread and not ground.host:
            for check in POD_CHECKS:
                self._report(check.result(skipped("no check pod is ready")))
            return
        for result in self._asked(workspace, ground):
            self._report(result)
        self._active(POD_REPLACED, workspace)

    def _asked(self, workspace: Workspace, ground: Ground) -> list[CheckResult]:
        """The results of every check with pods, node after node; what reaches no service asks again while patience
        lasts."""
        commands = commands_of(self.spec, ground, has_resolver=self.has_resolver)
        views: dict[tuple[str, str], PodView] = {}
        until = time.monotonic() + self.patience
        while True:
            records = workspace.ask(pods_calls(workspace.namespace, commands))
            views |= views_of(PodQuestion(self.spec, ground, "", self.has_resolver), records)
            pairs = [(check, self._result(check, node.name, views)) for node in self.spec.nodes for check in POD_CHECKS]
            # A kube-proxy that lost the API server for a while asks it for new services only up to half a minute after
            # it is back (client-go's reflector doubles its delay up to 30 s). One that is down learns nothing.
            late = {
                result.node
                for check, result in pairs
                if check.place is Place.HOST
                and result.outcome is Outcome.FAILED
                and not _behind(check, result, self.unhealthy)
            }
            if not late or not self._patient(until):
                break
            commands = [each for each in commands if each[0] == "host" and each[1] in late]
        routes = self._routes([pair for (kind, _), view in views.items() if kind == "pod" for pair in lost(view)])
        return [self._explained(check, result, routes) for check, result in pairs]

    def _result(self, check: PodCheck, node: str, views: Mapping[tuple[str, str], PodView]) -> CheckResult:
        view = views.get((_COMMAND[check.place], node))
        if view is None:
            return check.result(skipped(NO_POD), node)
        if check.place in (Place.POD, Place.HOST) and not view.began:
            return check.result(skipped("kubectl exec does not work there"), node)
        return check.result(sound(lambda: check.judge(view)), node)

    def _explained(self, check: PodCheck, result: CheckResult, routes: Mapping[str, str]) -> CheckResult:
        why = routes.get(result.node, "") if check is POD_TO_POD else _behind(check, result, self.unhealthy)
        failed = result.outcome is Outcome.FAILED
        return replace(result, message=f"{result.message}; {why}") if why and failed else result

    def _routes(self, pairs: Sequence[Lost]) -> dict[str, str]:
        routes: dict[tuple[str, str], str] = {}
        for node, addresses in route_questions(pairs).items():
            if node in self.hosts:
                try:
                    records = ask(self.hosts[node], program([route_call(addresses)]))
                except TransportError:
                    continue
                routes |= {(node, each.field(1)): each.field(2) for each in of_kind(records, "route")}
        return route_causes(self.spec, pairs, routes)

    def _active(self, check: ActiveCheck, workspace: Workspace) -> None:
        self._report(check.result(check.run(workspace)))

    def _report(self, result: CheckResult) -> None:
        self.made.append(result)
        self.on_result(result)

    def _stop_if_cancelled(self) -> None:
        if self.cancel.is_set():
            raise Cancelled("verify was stopped", "the cluster was left as it is; `kinstall verify` starts again")


_COMMAND = {Place.POD: "pod", Place.HOST: "host", Place.EXEC: "pod", Place.LOGS: "logs"}
"""Whose output a check judges."""

Command = tuple[str, str, tuple[str, ...]]
"""(kind, node, words after `kubectl -n NAMESPACE`)"""


def commands_of(spec: ClusterSpec, ground: Ground, *, has_resolver: bool) -> list[Command]:
    """An exec into each pod, and the logs of one per node."""
    commands: list[Command] = []
    for node in spec.nodes:
        question = PodQuestion(spec, ground, node.name, has_resolver)
        pod, host = ground.spread.get(node.name), ground.host.get(node.name)
        if pod:
            commands.append(("pod", node.name, _exec(pod, pod_program(question, Place.POD))))
            commands.append(("logs", node.name, ("logs", pod.name, "--limit-bytes=4000")))
        if host:
            commands.append(("host", node.name, _exec(host, pod_program(question, Place.HOST))))
    return commands


def _exec(pod: CheckPod, script: str) -> tuple[str, ...]:
    return ("exec", pod.name, "-c", manifest.CONTAINER, "--", "sh", "-c", script)


def pod_program(question: PodQuestion, place: Place) -> str:
    """What a check pod runs: what may run at once, then the rest one after the other."""
    calls = [call for check in POD_CHECKS if check.place is place for call in check.asks(question)]
    together, others = [c for c in calls if c.at_once], [c for c in calls if not c.at_once]
    begin, end = Call("inside_pod", ("report", "inside")), Call("inside_pod", ("exit", "0"))
    return program([begin, *together, WAIT, *others, end])


def pods_calls(namespace: str, commands: Sequence[Command]) -> list[Call]:
    """Some at once; `result kind node status began ended` records, each followed by what the command printed."""
    calls = [Call("kubectl", ("begin_work",))]
    for index, (_, _, words) in enumerate(commands):
        calls.append(Call("kubectl", ("at_once", str(index), "-n", namespace, *words), at_once=True))
        if index % AT_ONCE == AT_ONCE - 1:
            calls += [WAIT, Call("prelude", ("report", "tick"))]  # a program that is silent for long counts as lost
    results = [
        Call("kubectl", ("print_result", str(index), kind, node)) for index, (kind, node, _) in enumerate(commands)
    ]
    return [*calls, WAIT, *results, DONE]


def views_of(question: PodQuestion, records: Sequence[Record]) -> dict[tuple[str, str], PodView]:
    """(kind, node) → the answer: a pod's records follow the one of the command that ran in it."""
    heads: list[Record] = []
    tails: list[list[Record]] = []
    for record in records:
        if record.kind == "result":
            heads.append(record)
            tails.append([])
        elif heads:
            tails[-1].append(record)
    return {
        (head.field(1), head.field(2)): PodView(
            question.spec, question.ground, head.field(2), question.has_resolver, head, tuple(tail)
        )
        for head, tail in zip(heads, tails, strict=True)
    }


def _behind(check: PodCheck, result: CheckResult, unhealthy: Sequence[CheckResult]) -> str:
    """Which failed results of the look are behind a failed one: kube-proxy's for services, CoreDNS's for names."""
    if result.outcome is not Outcome.FAILED:
        return ""
    behind = []
    for each in unhealthy:
        if each.check not in check.rests_on:
            continue
        if not each.node:
            behind.append(f"{each.check} is not healthy")
        elif each.node == result.node or f"{each.node}: " in result.message:
            behind.append(f"{each.check} on {each.node} is not healthy")
    return f"{' and '.join(behind)}: see there" if behind else ""
