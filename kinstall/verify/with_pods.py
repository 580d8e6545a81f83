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
from kinstall.verify import manifest, objects, programs
from kinstall.verify.answers import Answer, explained_by, groups, results_of
from kinstall.verify.ground import FROM_HOST, PER_NODE, POD_TO_POD, Ground, commands, ground_of
from kinstall.verify.objects import NODE_READY
from kinstall.verify.programs import Record, of_kind
from kinstall.verify.readonly import Look, look, run
from kinstall.verify.results import CheckResult, failed, passed, skipped
from kinstall.verify.routes import Lost, route_causes, route_questions

CHECK_PODS, REPLACED, CLEAN_UP, CONNECTION = "check pods", "pod replaced", "clean-up", "connection"
PODS_SECONDS = 90.0
HOPELESS_SECONDS = 20.0
REPLACED_SECONDS = 40.0
CLEAN_UP_SECONDS = (15, 30)
RETRY_SECONDS = 2.0
SLICE_SECONDS = 5
"""A wait on the node lasts this long at most, so that a cancelled check ends soon."""
STALE_SECONDS = 900.0
_HOPELESS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerError", "CrashLoopBackOff")

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
    `on_result` hears each result once, on the calling thread. `patience`: seconds that what is still starting
    (after an installation, say) may take, and kube-proxies to learn of a service. An ill cluster is a failed result.

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
        self.namespace = manifest.new_namespace()
        self.patience, self.patient_until = patience, time.monotonic() + patience
        self.front = ""
        self.made: list[CheckResult] = []
        self.ill: Sequence[CheckResult] = ()

    def run(self) -> list[CheckResult]:
        seen = self._look()
        while seen.objects is None and seen.may_pass and self._patient(self.patient_until):
            seen = self._look()
        # What is not well may still be starting: it is looked at again at the end, and meanwhile the rest is checked.
        told = [each for each in seen.results if each.outcome is not Outcome.FAILED]
        self.ill = [each for each in seen.results if each.outcome is Outcome.FAILED]
        for result in told:
            self.on_result(result)
        if seen.objects is None:
            self._tell(skipped(CHECK_PODS, "the API does not answer"))
        else:
            self._with_pods(seen)
        return [*self._settled(seen, told), *self.made]

    def _look(self) -> Look:
        seen = look(self.spec, self.hosts)
        self._stop_if_cancelled()
        return seen

    def _patient(self, until: float) -> bool:
        """Wait a second, unless patience is over."""
        if time.monotonic() >= until:
            return False
        self.cancel.wait(1.0)
        self._stop_if_cancelled()
        return True

    def _settled(self, seen: Look, told: Sequence[CheckResult]) -> list[CheckResult]:
        """The look's results in their order, after what was starting has had its time."""
        if len(told) == len(seen.results):
            return seen.results
        again = self._look()
        while again.may_pass and self._patient(self.patient_until):
            again = self._look()
        before = {(result.check, result.node): result for result in told}
        final = [before.get((each.check, each.node), each) for each in again.results]
        for result in final:
            if (result.check, result.node) not in before:
                self.on_result(result)
        return final

    def _with_pods(self, seen: Look) -> None:
        self.front = seen.front
        stale = objects.stale_namespaces(seen.objects or (), manifest.PREFIX, seen.now, STALE_SECONDS)
        try:
            self._checks(stale)
        except TransportError as error:
            self._tell(failed(CONNECTION, error.what.removeprefix(f"{self.front}: "), self.front))
        finally:
            self._clean_up()

    def _checks(self, stale: Sequence[str]) -> None:
        started = time.monotonic()
        created = self._on_front(programs.create_program(stale), manifest.manifest(self.spec, self.namespace))
        if not _went_well(created, "created"):
            self._tell(failed(CHECK_PODS, f"could not be created: {_words(created)}"))
            return
        ground = self._wait_for_pods(started + PODS_SECONDS)
        self._tell(_pods_result(self.spec, ground, time.monotonic() - started))
        if not ground.spread and not ground.host:
            for check in PER_NODE:
                self._tell(skipped(check, "no check pod is ready"))
            return
        results, lost = self._asked(ground)
        causes = self._routes(lost)
        for result in results:
            why = causes.get(result.node, "") if result.check == POD_TO_POD else explained_by(result, self.ill)
            self._tell(replace(result, message=f"{result.message}; {why}") if why else result)
        self._replace(ground)

    def _asked(self, ground: Ground) -> tuple[list[CheckResult], list[Lost]]:
        """What the pods on `ground` answer; those that ask for services again while patience lasts."""
        wanted = commands(self.spec, ground, has_resolver=self.has_resolver)
        answers: dict[tuple[str, str], Answer] = {}
        until = time.monotonic() + self.patience
        while True:
            told = groups(self._on_front(programs.pods_program(self.namespace, wanted)))
            answers |= {(each.head.field(1), each.head.field(2)): each for each in told}
            results, lost = results_of(self.spec, ground, list(answers.values()), has_resolver=self.has_resolver)
            # A kube-proxy that lost the API server for a while asks it for new services only up to half a minute after
            # it is back (client-go's reflector doubles its delay up to 30 s). One that is ill learns nothing.
            late = {
                each.node
                for each in results
                if each.check in FROM_HOST and each.outcome is Outcome.FAILED and not explained_by(each, self.ill)
            }
            if not late or not self._patient(until):
                return results, lost
            wanted = [each for each in wanted if each[0] == "host" and each[1] in late]

    def _wait_for_pods(self, deadline: float) -> Ground:
        """The pods once all are ready, or as they stand at the deadline or when waiting is of no use."""
        hopeless_at = time.monotonic() + HOPELESS_SECONDS
        while True:
            found = self._waited()
            ground = ground_of(self.spec, found)
            now = time.monotonic()
            down = {each.node for each in self.ill if each.check == NODE_READY}
            hopeless = all(node in down or _is_hopeless(why) for node, why in ground.reasons.items())
            if not ground.reasons or now > deadline or (hopeless and now > hopeless_at):
                return ground
            self.cancel.wait(0.2)
            self._stop_if_cancelled()

    def _waited(self) -> list[objects.Object]:
        told = self._on_front(programs.wait_program(self.namespace, manifest.WORKLOADS, SLICE_SECONDS))
        return objects.items("".join(each.text for each in of_kind(told, "objects"))) or []

    def _routes(self, lost: Sequence[Lost]) -> dict[str, str]:
        routes: dict[tuple[str, str], str] = {}
        for node, addresses in route_questions(lost).items():
            if node in self.hosts:
                try:
                    told = run(self.hosts[node], programs.route_program(addresses))
                except TransportError:
                    continue
                routes |= {(node, each.field(1)): each.field(2) for each in of_kind(told, "route")}
        return route_causes(self.spec, lost, routes)

    def _replace(self, ground: Ground) -> None:
        """Delete the last node's pod and see another one take its place."""
        if not ground.spread:
            self._tell(skipped(REPLACED, "no check pod of the Deployment is ready"))
            return
        self._stop_if_cancelled()
        started = time.monotonic()
        victim = list(ground.spread.values())[-1]
        deleted = self._on_front(programs.delete_pod_program(self.namespace, victim.name))
        if not _went_well(deleted, "deleted"):
            self._tell(failed(REPLACED, f"{victim.name} could not be deleted: {_words(deleted)}", victim.node))
            return
        while True:
            now = ground_of(self.spec, self._waited())
            successor = now.spread.get(victim.node)
            seconds = time.monotonic() - started
            if successor and successor.name != victim.name:
                message = f"{successor.name} took the place of {victim.name}"
                self._tell(passed(REPLACED, message, victim.node, seconds))
                return
            if seconds > REPLACED_SECONDS:
                why = now.reasons.get(victim.node, "no new pod was made")
                self._tell(failed(REPLACED, f"{victim.name} was deleted; {why}", victim.node, seconds))
                return
            self.cancel.wait(0.2)
            self._stop_if_cancelled()

    def _clean_up(self) -> None:
        """Remove the namespace, through another control plane or once more where the first try fails."""
        started = time.monotonic()
        others = [node.name for node in self.spec.control_planes if node.name in self.hosts and node.name != self.front]
        why = ""
        for turn, front in enumerate([self.front, *others, self.front]):
            if turn:
                time.sleep(RETRY_SECONDS)
            try:
                removed = run(self.hosts[front], programs.remove_program(self.namespace, *CLEAN_UP_SECONDS))
            except TransportError as error:
                why = error.what
                continue
            if _went_well(removed, "removed"):
                self._tell(passed(CLEAN_UP, f"namespace {self.namespace} is gone", seconds=time.monotonic() - started))
                return
            why = _words(removed)
        mend = f"`kubectl delete namespace {self.namespace}` removes it"
        self._tell(failed(CLEAN_UP, f"{why}; {mend}", seconds=time.monotonic() - started))

    def _on_front(self, program: str, payload: bytes = b"") -> tuple[Record, ...]:
        told = run(self.hosts[self.front], program, payload)
        self._stop_if_cancelled()
        return told

    def _tell(self, result: CheckResult) -> None:
        self.made.append(result)
        self.on_result(result)

    def _stop_if_cancelled(self) -> None:
        if self.cancel.is_set():
            raise Cancelled("verify was stopped", "the cluster was left as it is; `kinstall verify` starts again")


def _pods_result(spec: ClusterSpec, ground: Ground, seconds: float) -> CheckResult:
    if not ground.reasons:
        return passed(CHECK_PODS, f"ready on {len(spec.nodes)} of {len(spec.nodes)} nodes", seconds=seconds)
    nodes: dict[str, list[str]] = {}
    for node in spec.nodes:
        if node.name in ground.reasons:
            nodes.setdefault(ground.reasons[node.name], []).append(node.name)
    why = " | ".join(f"{', '.join(names)}: {why}" for why, names in nodes.items())
    return failed(CHECK_PODS, why, seconds=seconds)


def _is_hopeless(why: str) -> bool:
    return any(word in why for word in _HOPELESS)


def _went_well(records: Sequence[Record], kind: str) -> bool:
    return any(each.kind == kind and each.field(1) == "0" for each in records)


def _words(records: Sequence[Record]) -> str:
    """What kubectl said, in one line."""
    said = objects.flat(" ".join(each.text for each in records))
    return said or "the program on the node ended early"
