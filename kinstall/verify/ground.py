"""What the checks run on: which check pods are ready on which node, why others are not, and what each is asked to do.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from urllib.parse import urlsplit

from kinstall.cluster import ClusterSpec
from kinstall.cluster.subnets import is_address
from kinstall.verify import manifest, objects
from kinstall.verify.objects import Object
from kinstall.verify.programs import Probe, probe_script

POD_TO_POD, CLUSTER_IP, NODE_PORT = "pod to pod", "ClusterIP", "NodePort"
DNS_INSIDE, DNS_OUTSIDE = "DNS inside", "DNS outside"
LOGS, EXEC, TOKEN = "kubectl logs", "kubectl exec", "service account"
FROM_POD = (POD_TO_POD, DNS_INSIDE, DNS_OUTSIDE, TOKEN)
FROM_HOST = (CLUSTER_IP, NODE_PORT)
PER_NODE = (POD_TO_POD, CLUSTER_IP, NODE_PORT, DNS_INSIDE, DNS_OUTSIDE, LOGS, EXEC, TOKEN)

NO_RESOLVER = "the hosts have no resolver, so CoreDNS forwards no names"


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


def ground_of(spec: ClusterSpec, found: Sequence[Object]) -> Ground:
    """The check's pods, services and events as kubectl listed them."""
    events = objects.of(found, "Event")
    ready: dict[str, dict[str, CheckPod]] = {manifest.SPREAD: {}, manifest.HOST: {}}
    reasons: dict[str, str] = {}
    for pod in objects.of(found, "Pod"):
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
            makers = [objects.last_warning(each, events) for each in _controllers(found)]
            reasons[node.name] = reasons.get("") or next(filter(None, makers), "no pod was made for it")
    service = objects.named(found, "Service", manifest.SPREAD) or {}
    port = (service.get("spec", {}).get("ports") or [{}])[0].get("nodePort", 0)
    spread, host = ({n.name: pods[n.name] for n in spec.nodes if n.name in pods} for pods in ready.values())
    return Ground(
        spread,
        host,
        service.get("spec", {}).get("clusterIP", ""),
        port,
        {node: why for node, why in reasons.items() if node},
    )


def _controllers(found: Iterable[Object]) -> list[Object]:
    return [each for each in found if each.get("kind") in ("ReplicaSet", "DaemonSet", "Deployment")]


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


# What to run


def commands(spec: ClusterSpec, ground: Ground, *, has_resolver: bool) -> list[tuple[str, str, str]]:
    """(kind, node, words after `kubectl -n NAMESPACE`): an exec into each pod, and the logs of one per node."""
    wanted = []
    for node in spec.nodes:
        pod, host = ground.spread.get(node.name), ground.host.get(node.name)
        if pod:
            wanted.append(("pod", node.name, _exec(pod, _pod_script(spec, ground, pod, has_resolver=has_resolver))))
            wanted.append(("logs", node.name, f"logs {quote(pod.name)} --limit-bytes=4000"))
        if host:
            wanted.append(("host", node.name, _exec(host, _host_script(spec, ground))))
    return wanted


def _exec(pod: CheckPod, script: str) -> str:
    return f"exec {quote(pod.name)} -c {manifest.CONTAINER} -- sh -c {quote(script)}"


def _pod_script(spec: ClusterSpec, ground: Ground, pod: CheckPod, *, has_resolver: bool) -> str:
    probes = [
        Probe(POD_TO_POD, other.node, f"http://{other.address}:{manifest.PORT}/hostname")
        for other in ground.spread.values()
        if other.node != pod.node
    ]
    names = {DNS_INSIDE: f"kubernetes.default.svc.{spec.networking.dns_domain}"}
    if has_resolver:
        names[DNS_OUTSIDE] = outside_name(spec)
    return probe_script(probes, names, spec.networking.api_service_ip)


def _host_script(spec: ClusterSpec, ground: Ground) -> str:
    # kube-proxy may take a second to learn of new pods, and picks another pod for each connection.
    probes = [
        Probe(
            CLUSTER_IP,
            f"{ground.cluster_ip} #{turn}",
            f"http://{ground.cluster_ip}:{manifest.SERVICE_PORT}/hostname",
            4,
        )
        for turn in range(1, 4)
    ]
    probes += [
        Probe(NODE_PORT, node.name, f"http://{node.internal_ip}:{ground.node_port}/hostname", 4) for node in spec.nodes
    ]
    return probe_script(probes, {})


def outside_name(spec: ClusterSpec) -> str:
    """A name that hosts with a resolver know: of a site that the answers tell them to fetch from."""
    home = spec.images.image_repository.partition("/")[0]
    mirror = spec.images.mirrors.get(home)
    sites = [urlsplit(mirror.endpoint).hostname if mirror else home.partition(":")[0]]
    sites.append(urlsplit(spec.downloads.kubernetes).hostname)
    return next((site for site in sites if site and "." in site and not is_address(site)), "kubernetes.io")
