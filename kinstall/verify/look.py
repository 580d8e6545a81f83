"""The look that changes nothing: one program per node, all nodes at once, and one kubectl process in all."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from assets import paths
from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Outcome
from kinstall.errors import TransportError
from kinstall.transport.channel import Channel
from kinstall.verify import objects
from kinstall.verify.check import ODD, LookCheck, LookQuestion, LookView, NodeReply, Verdict, sound
from kinstall.verify.checks import LOOK_CHECKS
from kinstall.verify.node import ask
from kinstall.verify.objects import Object
from kinstall.verify.program import DONE, Call, program
from kinstall.verify.records import Record, first_of, of_kind
from kinstall.verify.results import CheckResult

PARALLEL = 32
_UNITS = (paths.KUBELET_UNIT, paths.CONTAINERD_UNIT, paths.KUBE_PROXY_UNIT)
_OBJECTS = "nodes,namespaces,pods,deployments.apps"


@dataclass(frozen=True, slots=True)
class Look:
    """What a look saw. `objects` is None where the API did not answer; `now` is the node's clock."""

    results: tuple[CheckResult, ...]
    objects: tuple[Object, ...] | None
    now: float
    front: str
    """The control plane that was asked."""
    may_pass: bool
    """Whether something failed that time may fix."""


def read_only(spec: ClusterSpec, hosts: Mapping[str, Channel], patience: float = 0.0) -> list[CheckResult]:
    """Whether the API, the nodes, kube-proxy, the kube-system pods and CoreDNS are healthy; nothing is changed.

    `hosts`: node name → connected channel. `patience`: seconds during which what may still be starting is looked at
    again. Never raises for a cluster or a node that is not healthy: that is a failed result.
    """
    end = time.monotonic() + patience
    while (latest := look(spec, hosts)).may_pass and time.monotonic() < end:
        time.sleep(1.0)
    return list(latest.results)


def look(spec: ClusterSpec, hosts: Mapping[str, Channel]) -> Look:
    """read_only() with the objects it saw. A control plane that cannot list them is followed by the next one."""
    fronts = [node.name for node in spec.control_planes if node.name in hosts]
    replies = _ask_all(spec, hosts, fronts[0] if fronts else "")
    front, snapshot = "", None
    for name in fronts:
        if name != fronts[0]:
            replies[name] = _ask(hosts[name], LookQuestion(spec, spec.node(name), front=True))
        front, snapshot = name, first_of(replies[name].records, "snapshot")
        if snapshot is not None and snapshot.field(1) == "0":
            break
    listed = objects.items(snapshot.text) if snapshot else None
    view = LookView(spec, replies, listed, "" if listed is not None else _no_objects(replies.get(front)))
    verdicts = [
        (check, node, _verdict(check, view, node, hosts.get(front)))
        for check in LOOK_CHECKS
        for node in check.subject.names(spec)
    ]
    return Look(
        tuple(check.result(verdict, node) for check, node, verdict in verdicts),
        None if listed is None else tuple(listed),
        _clock(snapshot.field(2)) if snapshot else 0.0,
        front,
        any(verdict.may_pass for _, _, verdict in verdicts),
    )


def _clock(text: str) -> float:
    return float(text) if re.fullmatch("[0-9]{1,12}", text) else 0.0


def _no_objects(front: NodeReply | None) -> str:
    if front is None:
        return "no control plane is connected"
    errors = "\n".join(each.text for each in of_kind(front.records, "errors"))
    return front.error or objects.kubectl_said(errors) or "kubectl printed nothing"


def _verdict(check: LookCheck, view: LookView, node: str, front: Channel | None) -> Verdict:
    verdict = sound(lambda: check.judge(view, node))
    if verdict.outcome is not Outcome.FAILED or check.follow_up is None or view.objects is None or front is None:
        return verdict
    try:
        causes = ask(front, program(check.follow_up(view), kubectl=True))
    except (TransportError, *ODD):
        return verdict
    return sound(lambda: check.judge(replace(view, causes=causes), node))


def each_node(names: Sequence[str], one: Callable[[str], NodeReply]) -> dict[str, NodeReply]:
    with ThreadPoolExecutor(max_workers=min(PARALLEL, max(1, len(names)))) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def _ask_all(spec: ClusterSpec, hosts: Mapping[str, Channel], front: str) -> dict[str, NodeReply]:
    def one(name: str) -> NodeReply:
        if name not in hosts:
            return NodeReply(error="not connected")
        return _ask(hosts[name], LookQuestion(spec, spec.node(name), front=name == front))

    return each_node([node.name for node in spec.nodes], one)


def look_program(question: LookQuestion) -> str:
    """What one node is asked: its units, what the checks ask of it, and on the front the cluster's objects as JSON."""
    calls = [Call("look", ("print_units", *_UNITS))]
    calls += [call for check in LOOK_CHECKS for call in check.asks(question)]
    if question.front:
        calls = [Call("look", ("list_objects", _OBJECTS)), *calls, Call("look", ("print_objects",))]
    return program([*calls, DONE], kubectl=question.node.is_control_plane)


def _ask(channel: Channel, question: LookQuestion) -> NodeReply:
    started = time.monotonic()
    try:
        records = ask(channel, look_program(question))
    except TransportError as error:
        return NodeReply(error=error.what.removeprefix(f"{question.node.name}: "))
    seconds = time.monotonic() - started
    if not of_kind(records, "done"):
        last = records[-1].text if records else ""
        return NodeReply(records, seconds, objects.flat(f"the program on the node ended early: {last}"))
    return NodeReply(records, seconds, down=_units_down(records))


def _units_down(records: Sequence[Record]) -> dict[str, str]:
    """Unit → its state and what its last words mean, for those that are not active."""
    words = {record.field(1): record.text for record in of_kind(records, "words")}
    down: dict[str, str] = {}
    for record in of_kind(records, "units"):
        for block in record.text.split("\n\n"):
            shown = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            unit = shown.get("Id", "")
            if unit and shown.get("ActiveState") != "active":
                result = shown.get("Result", "success")
                state = f"is {shown.get('ActiveState')} ({shown.get('SubState')})"
                state += f", result {result}" if result != "success" else ""
                # Of one that was stopped on purpose, the last words are no cause.
                stopped = shown.get("ActiveState") == "inactive" and result == "success"
                down[unit] = state if stopped else f"{state}: {objects.explained(unit, words.get(unit, ''))}"
    return down
