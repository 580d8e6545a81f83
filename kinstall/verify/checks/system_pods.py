"""Whether the static pods of every control plane, and all else in kube-system, are Ready."""

from __future__ import annotations

from collections.abc import Sequence

from kinstall.verify.check import LookCheck, LookView, Subject, Verdict, failed, passed
from kinstall.verify.objects import (
    STATIC_PODS,
    Object,
    explained,
    has_ended,
    is_going,
    is_ready,
    items,
    name_of,
    of,
    pod_cause,
)
from kinstall.verify.program import Call
from kinstall.verify.records import of_kind

_MOST = 4
"""Containers whose last words are asked for."""


def _judge(view: LookView, node: str) -> Verdict:
    if view.objects is None:
        return failed(view.no_objects, may_pass=True)
    events = items("".join(each.text for each in of_kind(view.causes, "events"))) or []
    logs = {each.field(1): each.text for each in of_kind(view.causes, "log") if each.text.strip()}
    pods = [pod for pod in of(view.objects, "Pod") if not is_going(pod) and not has_ended(pod)]
    there = {name_of(pod) for pod in pods}
    wanted = [f"{pod}-{plane.name}" for plane in view.spec.control_planes for pod in STATIC_PODS]
    bad = [f"{name}: there is no such pod" for name in wanted if name not in there]
    for pod in pods:
        if not is_ready(pod):
            log = logs.get(name_of(pod), "")
            bad.append(f"{name_of(pod)}: {pod_cause(pod, events)}" + (f"; {explained('', log)}" if log else ""))
    return failed(" | ".join(bad), may_pass=True) if bad else passed(f"{len(pods)} pods Ready")


def causes(view: LookView) -> Sequence[Call]:
    """The warnings in kube-system, and the last words of some containers that are not ready."""
    last = [
        Call("causes", ("print_last_words", "kube-system", pod, container))
        for pod, container in _unready_containers(view.objects or ())[:_MOST]
    ]
    return [Call("causes", ("print_warnings", "kube-system")), *last]


def _unready_containers(objects: Sequence[Object]) -> list[tuple[str, str]]:
    """(pod, container)"""
    return [
        (name_of(pod), str(status["name"]))
        for pod in of(objects, "Pod")
        if not is_going(pod) and not has_ended(pod) and not is_ready(pod)
        for status in pod.get("status", {}).get("containerStatuses") or []
        if not status.get("ready")
    ]


SYSTEM_PODS = LookCheck("kube-system pods", Subject.CLUSTER, _judge, follow_up=causes)
