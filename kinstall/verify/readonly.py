"""The look that changes nothing: one program per node, all nodes at once, and one kubectl process in all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from assets.node.kube_proxy import HEALTH_ADDRESS
from kinstall.cluster import ClusterSpec, Node, ports
from kinstall.engine.events import Outcome
from kinstall.errors import TransportError
from kinstall.transport.channel import Channel
from kinstall.verify import objects as read
from kinstall.verify import programs
from kinstall.verify.objects import Object, Verdict
from kinstall.verify.programs import Record, of_kind, parse
from kinstall.verify.results import CheckResult, failed

PARALLEL = 32
SILENCE = 60.0
"""Seconds without a word until a node counts as lost; every program of the look speaks or ends before."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look saw. `objects` is None where the API did not tell; `now` is the node's clock."""

    verdicts: tuple[Verdict, ...]
    objects: tuple[Object, ...] | None
    now: float
    front: str
    """The control plane that was asked."""

    @property
    def results(self) -> list[CheckResult]:
        return [verdict.result for verdict in self.verdicts]

    @property
    def may_pass(self) -> bool:
        """Whether something failed that time may mend."""
        return any(verdict.may_pass for verdict in self.verdicts)


@dataclass(frozen=True, slots=True)
class _Told:
    """One node's answer; `error` where it gave none."""

    records: tuple[Record, ...] = ()
    seconds: float = 0.0
    error: str = ""
    down: Mapping[str, str] = field(default_factory=dict)


def read_only(spec: ClusterSpec, hosts: Mapping[str, Channel], patience: float = 0.0) -> list[CheckResult]:
    """Whether the API, the nodes, kube-proxy, the kube-system pods and CoreDNS are well; nothing is changed.

    `hosts`: node name → connected channel. `patience`: seconds during which what may still be starting is looked at
    again. Never raises for a cluster or a node that is ill: that is a failed result.
    """
    end = time.monotonic() + patience
    while (seen := look(spec, hosts)).may_pass and time.monotonic() < end:
        time.sleep(1.0)
    return seen.results


def look(spec: ClusterSpec, hosts: Mapping[str, Channel]) -> Look:
    """read_only() with the objects it saw. A control plane that cannot tell them is followed by the next one."""
    fronts = [node.name for node in spec.control_planes if node.name in hosts]
    told = _ask_all(spec, hosts, fronts[0] if fronts else "")
    front, snapshot = "", None
    for name in fronts:
        if name != fronts[0]:
            told[name] = _ask(spec, hosts[name], spec.node(name), snapshot=True)
        front, snapshot = name, next(iter(of_kind(told[name].records, "snapshot")), None)
        if snapshot is not None and snapshot.field(1) == "0":
            break
    found = read.items(snapshot.text) if snapshot else None
    verdicts = [*_api(spec, told), *_nodes(spec, told, found), *_proxies(spec, told)]
    if found is None:
        errors = of_kind(told[front].records, "errors") if front else ()
        why = told[front].error if front else "no control plane is connected"
        cause = why or read.kubectl_said("\n".join(each.text for each in errors)) or "kubectl told nothing"
        verdicts += [Verdict(failed(check, cause), True) for check in (read.SYSTEM_PODS, read.COREDNS)]
    else:
        verdicts += _system(spec, hosts[front], found, told[front].seconds)
    now = float(snapshot.field(2) or 0) if snapshot else 0.0
    return Look(tuple(verdicts), None if found is None else tuple(found), now, front)


def run(channel: Channel, program: str, payload: bytes = b"") -> tuple[Record, ...]:
    """Run a program and read its records; raises what the channel raises."""
    lines: list[str] = []
    channel.execute(program, [payload] if payload else (), on_line=lines.append, timeout=SILENCE)
    return parse(lines)


def each_node(names: Sequence[str], ask: Callable[[str], _Told]) -> dict[str, _Told]:
    with ThreadPoolExecutor(max_workers=min(PARALLEL, max(1, len(names)))) as pool:
        return dict(zip(names, pool.map(ask, names), strict=True))


def _ask_all(spec: ClusterSpec, hosts: Mapping[str, Channel], front: str) -> dict[str, _Told]:
    def ask(name: str) -> _Told:
        if name not in hosts:
            return _Told(error="not connected")
        return _ask(spec, hosts[name], spec.node(name), snapshot=name == front)

    return each_node([node.name for node in spec.nodes], ask)


def _ask(spec: ClusterSpec, channel: Channel, node: Node, *, snapshot: bool) -> _Told:
    api: dict[str, str] = {}
    if node.is_control_plane:
        base = f"https://{node.internal_ip}:{ports.API_SERVER}"
        api = {"API livez": f"{base}/livez", "API readyz": f"{base}/readyz"}
    if snapshot:
        api |= {f"endpoint {path}": f"https://{spec.endpoint}/{path}" for path in ("livez", "readyz")}
    started = time.monotonic()
    try:
        records = run(channel, programs.look_program(proxy_health_url(spec, node), api, snapshot=snapshot))
    except TransportError as error:
        return _Told(error=error.what.removeprefix(f"{node.name}: "))
    seconds = time.monotonic() - started
    if not of_kind(records, "done"):
        last = records[-1].text if records else ""
        return _Told(records, seconds, read.flat(f"the program on the node ended early: {last}"))
    return _Told(records, seconds, down=read.units_down(records))


def proxy_health_url(spec: ClusterSpec, node: Node) -> str:
    """Where kube-proxy serves its health, as the answers may say in `components.kubeProxy.config`."""
    address = str(spec.components_of(node).kube_proxy.over({}).get("healthzBindAddress") or HEALTH_ADDRESS)
    host, _, port = address.rpartition(":") if ":" in address else (address, "", str(ports.KUBE_PROXY_HEALTH))
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '', '[::]') else host}:{port}/healthz"  # noqa: S104


def _api(spec: ClusterSpec, told: Mapping[str, _Told]) -> list[Verdict]:
    verdicts = []
    for node in spec.control_planes:
        answers = of_kind(told[node.name].records, "api")
        own = [each for each in answers if each.field(1).startswith("API ")]
        verdicts += [read.api_verdict(each, node.name) for each in own]
        if not own:
            error = told[node.name].error
            verdicts += [Verdict(failed(check, error, node.name)) for check in ("API livez", "API readyz")]
    shared = [
        read.api_verdict(each)
        for node in spec.control_planes
        for each in of_kind(told[node.name].records, "api")
        if each.field(1).startswith("endpoint ")
    ]
    if not shared:
        shared = [Verdict(failed("endpoint livez", "no control plane could be asked to try it"), True)]
    # Where the first control plane could not tell, the next one was asked for the endpoint too: the last word holds.
    return verdicts + shared[-2:]


def _nodes(spec: ClusterSpec, told: Mapping[str, _Told], found: Sequence[Object] | None) -> list[Verdict]:
    verdicts = []
    for node in spec.nodes:
        mine = told[node.name]
        if mine.error:
            verdicts.append(Verdict(failed(read.NODE_READY, mine.error, node.name)))
        elif found is None:
            verdicts.append(Verdict(failed(read.NODE_READY, "the API does not tell", node.name), True))
        else:
            verdicts.append(read.node_verdict(node, found, mine.down))
    return verdicts


def _proxies(spec: ClusterSpec, told: Mapping[str, _Told]) -> list[Verdict]:
    verdicts = []
    for node in spec.nodes:
        mine = told[node.name]
        if mine.error:
            verdicts.append(Verdict(failed(read.KUBE_PROXY, mine.error, node.name)))
        else:
            health = next(iter(of_kind(mine.records, "healthz")), None)
            verdicts.append(read.proxy_verdict(node.name, mine.down, health))
    return verdicts


def _system(spec: ClusterSpec, channel: Channel, found: Sequence[Object], seconds: float) -> list[Verdict]:
    pods = read.system_pods_verdict(spec.control_planes, found, (), {})
    if pods.result.outcome is Outcome.FAILED:
        events, words = _causes(channel, found)
        pods = read.system_pods_verdict(spec.control_planes, found, events, words)
    return [pods, read.coredns_verdict(found)]


def _causes(channel: Channel, found: Sequence[Object]) -> tuple[list[Object], dict[str, str]]:
    """The warnings in kube-system, and the last words of at most four containers that are not ready."""
    program = programs.events_program("kube-system")
    program += programs.last_words_program("kube-system", read.unready_containers(found)[:4])
    try:
        records = run(channel, program)
    except TransportError:
        return [], {}
    events = read.items("".join(each.text for each in of_kind(records, "events"))) or []
    return events, {each.field(1): each.text for each in of_kind(records, "said") if each.text.strip()}
