"""Pod, service and node ranges: IPv4 arithmetic without I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from kinstall.cluster import ClusterSpec, Networking
from kinstall.errors import UsageError

SPECIAL = {
    "unspecified": IPv4Network("0.0.0.0/8"),
    "loopback": IPv4Network("127.0.0.0/8"),
    "link-local": IPv4Network("169.254.0.0/16"),
    "multicast": IPv4Network("224.0.0.0/4"),
}
"""Ranges in which no pod, service or node can have its address (IANA's special-purpose registry)."""


class Capacity(NamedTuple):
    """How much fits: nodes, pods on each node, services."""

    nodes: int
    pods_per_node: int
    services: int


def capacity(networking: Networking) -> Capacity:
    """What the ranges hold.

    A node's range loses the network's, the broadcast's and the bridge's own address, the service range the first
    and the last one. 0 nodes where a node's range does not fit into podSubnet. ValueError where a range is none.
    """
    mask = networking.node_cidr_mask_size
    return Capacity(
        nodes=ranges_in(networking.pods, mask),
        pods_per_node=max((1 << (32 - mask)) - 3, 0),
        services=max(networking.services.num_addresses - 2, 0),
    )


def ranges_in(network: IPv4Network, size: int) -> int:
    """How many ranges of /size a range holds; 0 where they are larger than it."""
    return 1 << (size - network.prefixlen) if size >= network.prefixlen else 0


def special_name(network: IPv4Network) -> str:
    """The name of the special range that `network` touches; empty where there is none."""
    return next((name for name, special in SPECIAL.items() if network.overlaps(special)), "")


def as_network(address: str) -> IPv4Network | None:
    """The /32 of an IPv4 address; None for anything else."""
    try:
        return IPv4Network(IPv4Address(address))
    except ValueError:
        return None


def assign_pod_cidrs(spec: ClusterSpec, kept: Mapping[str, str]) -> dict[str, str]:
    """Node name → pod range, for every node of the spec in its order; empty where the pod network plans none.

    A node keeps the range in `kept` (node name → CIDR, as the nodes' records say), otherwise it has its own `podCIDR`
    or the next free range. What is kept is never given to another node, even when its owner has left the list, so the
    result does not depend on the order of the list once it is kept.

    Raises:
        UsageError: podSubnet has no free range left, or a range that is kept does not fit it or is claimed twice.
    """
    if not spec.networking.plans_ranges:
        return dict.fromkeys((node.name for node in spec.nodes), "")
    kept = {name: cidr for name, cidr in kept.items() if cidr}
    claimed = _claimed(spec, kept)
    taken = {IPv4Network(cidr) for cidr in kept.values()} | set(claimed.values())
    free = _free(spec.networking, taken)
    result: dict[str, str] = {}
    for node in spec.nodes:
        network = claimed.get(node.name) or next(free, None)
        if network is None:
            raise _full(spec)
        result[node.name] = str(network)
    return result


def _claimed(spec: ClusterSpec, kept: Mapping[str, str]) -> dict[str, IPv4Network]:
    """The ranges of the nodes that already have one, each checked against podSubnet and the others."""
    owners: dict[str, IPv4Network] = {}
    # As numbers: every range is compared with every other, and there may be a thousand.
    spans = {name: _span(IPv4Network(cidr)) for name, cidr in kept.items()}
    for node in spec.nodes:
        cidr = kept.get(node.name) or node.pod_cidr
        if not cidr:
            continue
        network = IPv4Network(cidr)
        if not network.subnet_of(spec.networking.pods):
            raise UsageError(
                f"{node.name}: its pod range {cidr} lies outside podSubnet {spec.networking.pod_subnet}",
                "podSubnet cannot change under a living cluster",
            )
        first, last = _span(network)
        for other, (start, end) in spans.items():
            if start <= last and first <= end and other != node.name:
                raise UsageError(
                    f"{node.name}: its pod range {cidr} overlaps {other}'s {owners.get(other) or kept[other]}",
                    "give one of them another podCIDR",
                )
        owners[node.name] = network
        spans[node.name] = first, last
    return owners


def _span(network: IPv4Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


def _free(networking: Networking, taken: set[IPv4Network]) -> Iterator[IPv4Network]:
    mask = networking.node_cidr_mask_size
    if mask < networking.pods.prefixlen:
        return
    for network in networking.pods.subnets(new_prefix=mask):
        if not any(network.overlaps(other) for other in taken):
            yield network


def _full(spec: ClusterSpec) -> UsageError:
    networking = spec.networking
    ranges = capacity(networking).nodes
    return UsageError(
        f"podSubnet {networking.pod_subnet} holds {ranges} ranges of /{networking.node_cidr_mask_size}, "
        f"and none is free for the {len(spec.nodes)} nodes",
        "take a larger podSubnet or a larger nodeCIDRMaskSize in a new cluster, or reset nodes that have left",
    )
