"""What the ranges of a cluster hold, and which node has which pod range. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kinstall.cluster import ClusterSpec, Networking
from kinstall.cluster.subnets import Range, parse_range, span, split, split_count, within
from kinstall.errors import UsageError


class Capacity(NamedTuple):
    """How much fits: nodes, pods on each node, services."""

    nodes: int
    pods_per_node: int
    services: int


def capacity(networking: Networking) -> Capacity:
    """What the ranges hold.

    Not counted: in a node's range the network's, the broadcast and the bridge's own address, in the service range
    the first and the last one. 0 nodes where a node's range does not fit into podSubnet. ValueError where a range is
    not valid.
    """
    return Capacity(
        nodes=split_count(networking.pods[0], networking.node_cidr_mask_size),
        pods_per_node=pods_in_node_range(networking),
        services=max(networking.services[0].num_addresses - 2, 0),
    )


def pods_in_node_range(networking: Networking) -> int:
    """How many pods have an address on a node. ValueError where podSubnet is not valid."""
    return max((1 << (networking.pods[0].max_prefixlen - networking.node_cidr_mask_size)) - 3, 0)


def assign_pod_cidrs(spec: ClusterSpec, kept: Mapping[str, str]) -> dict[str, str]:
    """Node name → pod range, for every node of the spec in its order; empty where the pod network plans none.

    A node keeps the range in `kept` (node name → CIDR, as the nodes' records say), or else gets its own `podCIDR`
    or the next free range. What is kept is never given to another node, even when its owner has left the list, so the
    result does not depend on the order of the list once it is kept.

    Raises:
        UsageError: podSubnet has no free range left, or a range that is kept does not fit it or is claimed twice.
    """
    if not spec.networking.plans_ranges:
        return dict.fromkeys((node.name for node in spec.nodes), "")
    kept = {name: cidr for name, cidr in kept.items() if cidr}
    claimed = _claimed(spec, kept)
    taken = {parse_range(cidr) for cidr in kept.values()} | set(claimed.values())
    free = _free(spec.networking, taken)
    result: dict[str, str] = {}
    for node in spec.nodes:
        network = claimed.get(node.name) or next(free, None)
        if network is None:
            raise _full(spec)
        result[node.name] = str(network)
    return result


def _claimed(spec: ClusterSpec, kept: Mapping[str, str]) -> dict[str, Range]:
    """The ranges of the nodes that already have one, each checked against podSubnet and the others."""
    owners: dict[str, Range] = {}
    # As numbers: every range is compared with every other, and there may be a thousand.
    spans = {name: span(parse_range(cidr)) for name, cidr in kept.items()}
    for node in spec.nodes:
        cidr = kept.get(node.name) or node.pod_cidr
        if not cidr:
            continue
        network = parse_range(cidr)
        if not any(within(network, pods) for pods in spec.networking.pods):
            raise UsageError(
                f"{node.name}: its pod range {cidr} is outside podSubnet {spec.networking.pod_subnet}",
                "podSubnet of a living cluster cannot change",
            )
        first, last = span(network)
        for other, (start, end) in spans.items():
            if start <= last and first <= end and other != node.name:
                raise UsageError(
                    f"{node.name}: its pod range {cidr} overlaps {other}'s {owners.get(other) or kept[other]}",
                    "give one of them another podCIDR",
                )
        owners[node.name] = network
        spans[node.name] = first, last
    return owners


def _free(networking: Networking, taken: set[Range]) -> Iterator[Range]:
    for network in split(networking.pods[0], networking.node_cidr_mask_size):
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
