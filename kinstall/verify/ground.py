"""What the checks with pods run on: which check pods are ready on which node, and why others are not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kinstall.cluster import ClusterSpec
from kinstall.verify import manifest, objects
from kinstall.verify.objects import Object


@dataclass(frozen=True, slots=True)
class CheckPod:
    """A pod of the check that is ready."""

    name: str
    node: str
    address: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What the checks run on: node → ready pod, for both kinds, and the service's addresses."""

    spread: Mapping[str, CheckPod]
    host: Mapping[str, CheckPod]
    cluster_ip: str
    node_port: int
    reasons: Mapping[str, str]
    """Node → why it lacks one of its pods."""


def ground_of(spec: ClusterSpec, listed: Sequence[Object]) -> Ground:
    """The check's pods, services and events as kubectl listed them."""
    events = objects.of(listed, "Event")
    ready: dict[str, dict[str, CheckPod]] = {manifest.SPREAD: {}, manifest.HOST: {}}
    reasons: dict[str, str] = {}
    for pod in objects.of(listed, "Pod"):
        if objects.is_going(pod):
            continue
        app = pod["metadata"].get("labels", {}).get("app", "")
        node = pod.get("spec", {}).get("nodeName", "") or _wanted_node(pod)
        if objects.is_ready(pod) and app in ready:
            ready[app][node] = CheckPod(objects.name_of(pod), node, pod["status"].get("podIP", ""))
        else:
            reasons[node] = objects.pod_cause(pod, events)
    for node in spec.nodes:
        lacks = [app for app, pods in ready.items() if node.name not in pods]
        if lacks and node.name not in reasons:
            makers = [objects.last_warning(each, events) for each in _controllers(listed)]
            reasons[node.name] = reasons.get("") or next(filter(None, makers), "no pod was made for it")
    service = objects.named(listed, "Service", manifest.SPREAD) or {}
    port = (service.get("spec", {}).get("ports") or [{}])[0].get("nodePort", 0)
    spread, host = ({n.name: pods[n.name] for n in spec.nodes if n.name in pods} for pods in ready.values())
    return Ground(
        spread,
        host,
        service.get("spec", {}).get("clusterIP", ""),
        port,
        {node: why for node, why in reasons.items() if node},
    )


def _controllers(listed: Iterable[Object]) -> list[Object]:
    return [each for each in listed if each.get("kind") in ("ReplicaSet", "DaemonSet", "Deployment")]


def _wanted_node(pod: Object) -> str:
    """The node a DaemonSet's pod waits for."""
    terms = (
        pod.get("spec", {})
        .get("affinity", {})
        .get("nodeAffinity", {})
        .get("requiredDuringSchedulingIgnoredDuringExecution", {})
        .get("nodeSelectorTerms", [])
    )
    for term in terms:
        for match in term.get("matchFields") or []:
            if match.get("key") == "metadata.name" and match.get("values"):
                return str(match["values"][0])
    return ""
