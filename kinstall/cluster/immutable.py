"""What answers may not change under a living cluster, compared with what its nodes recorded. Pure.

A node's identity is the content of /var/lib/kinstall/cluster.json: which cluster it belongs to, and the answers that
others depend on and that cannot change yet. Everything else is an ordinary difference, which a replay applies.

`format` says how that file is to be read; a file without it is of format 1. Whatever changes what a key means raises
FORMAT, and is written from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kinstall.cluster import ClusterSpec, Node
from kinstall.cluster.releases import numbers
from kinstall.cluster.subnets import parse_ranges
from kinstall.findings import Problem

FORMAT = 1

_MOVE = "write the old address; to move a node: reset it there, then write the new address"
_RESET = "write the recorded value; to change it, reset the cluster and install it again"


def identity(spec: ClusterSpec, node: Node, ca_fingerprint: str, pod_cidr: str) -> dict[str, Any]:
    """A node's cluster.json as data; `ca_fingerprint` is the cluster authority's, `pod_cidr` the node's own range."""
    return {
        "cluster": spec.cluster_name,
        "caFingerprint": ca_fingerprint,
        "node": node.name,
        "role": node.role,
        "address": node.internal_ip,
        "podCIDR": pod_cidr,
        "kubernetesVersion": spec.kubernetes_version,
        "controlPlaneEndpoint": spec.endpoint,
        "podSubnet": spec.networking.pod_subnet,
        "nodeCIDRMaskSize": spec.networking.node_cidr_mask_size,
        "podNetwork": spec.networking.pod_network,
        "serviceSubnet": spec.networking.service_subnet,
        "dnsDomain": spec.networking.dns_domain,
    }


def newer_format(recorded: Mapping[str, Any]) -> str:
    """The format of a cluster.json that only a newer kinstall can read; empty where this one can."""
    kept = recorded.get("format", FORMAT)
    return "" if kept == FORMAT else str(kept)


def immutable_changes(recorded: Mapping[str, Any], spec: ClusterSpec, node: Node) -> list[Problem]:
    """Where the answers differ from the node's record in something that cannot change yet.

    `recorded` is the node's cluster.json; what is not in it is not compared. Whether the node belongs to this
    cluster at all (`cluster`, `caFingerprint`) is preflight's question.
    """
    place = f"nodes[{spec.nodes.index(node)}]"
    wanted = identity(spec, node, "", node.pod_cidr)
    paths = {
        "node": f"{place}.name",
        "address": f"{place}.{node.internal_ip_key}",
        "role": f"{place}.role",
        "podCIDR": f"{place}.podCIDR",
        "controlPlaneEndpoint": "controlPlaneEndpoint",
        "podSubnet": "networking.podSubnet",
        "nodeCIDRMaskSize": "networking.nodeCIDRMaskSize",
        "podNetwork": "networking.podNetwork",
        "serviceSubnet": "networking.serviceSubnet",
        "dnsDomain": "networking.dnsDomain",
    }
    if not node.pod_cidr:
        del paths["podCIDR"]
    changes = [
        Problem(path, f"{wanted[key]} in the answers, but {node.name} was set up with {recorded[key]}", _RESET)
        for key, path in paths.items()
        if key in recorded and not _same(recorded[key], wanted[key])
    ]
    return [*changes, *_version(recorded.get("kubernetesVersion"), spec, node)]


def removed_nodes(recorded_names: Iterable[str], spec: ClusterSpec) -> list[Problem]:
    """Nodes that belong to the cluster (the state folder or the API names them) and are missing from the answers."""
    names = {node.name for node in spec.nodes}
    return [
        Problem(
            "nodes",
            f"{name} belongs to the cluster and is missing from the answers",
            f"put it back; to take it out: `kubectl drain {name}`, reset it, `kubectl delete node {name}`",
        )
        for name in sorted(set(recorded_names) - names)
    ]


def moved_nodes(before: Mapping[str, str], spec: ClusterSpec) -> list[Problem]:
    """Nodes whose address differs from `before` (name → address, "" where unknown): their peers would look for them
    at the new one, and nothing on the node itself would show it."""
    return [
        Problem(
            f"nodes[{index}].{node.internal_ip_key}",
            f"{node.internal_ip} in the answers, but {node.name} was set up at {before[node.name]}",
            _MOVE,
        )
        for index, node in enumerate(spec.nodes)
        if (before.get(node.name) or node.internal_ip) != node.internal_ip
    ]


def _same(recorded: Any, wanted: Any) -> bool:
    if recorded == wanted:
        return True
    try:
        # 10.244.0.0/16 may once have been written differently.
        return "/" in f"{wanted}" and parse_ranges(f"{recorded}") == parse_ranges(f"{wanted}")
    except ValueError:
        return False


def _version(recorded: Any, spec: ClusterSpec, node: Node) -> list[Problem]:
    try:
        before, after = numbers(str(recorded)), numbers(spec.kubernetes_version)
    except ValueError:
        return []
    path, wanted = "kubernetesVersion", spec.kubernetes_version
    if after < before:
        message = f"{wanted} is older than {recorded}, which {node.name} runs"
        return [Problem(path, message, f"Kubernetes cannot go back: write {recorded} or a newer release")]
    if after[:2] > (before[0], before[1] + 1):
        message = f"from {recorded}, which {node.name} runs, to {wanted} would skip a minor release"
        return [Problem(path, message, f"go to {before[0]}.{before[1] + 1} first")]
    return []
