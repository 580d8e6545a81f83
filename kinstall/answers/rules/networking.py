"""Address ranges: how they are written, whether they are large enough, and that none overlaps another."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.answers.rules import formats
from kinstall.answers.rules.view import Rule, View, between, problem_at
from kinstall.cluster.subnets import overlap, parse_range, span, split_count, within
from kinstall.findings import Problem

SMALLEST_NODE_RANGE = 28
"""A /28 holds 13 pods; with less a node is of little use."""
LARGEST_SERVICE_RANGE, SMALLEST_SERVICE_RANGE = 12, 28
"""The API server refuses more than 20 bits of services; the DNS service has the tenth address."""
ALLOCATOR_BITS = 16
"""Kubernetes' range allocator takes at most 16 bits between podSubnet and a node's range."""


def ranges(view: View) -> Iterator[Problem]:
    networking = view.spec.networking
    yield from problem_at("networking.podSubnet", formats.cidr(networking.pod_subnet))
    yield from problem_at("networking.serviceSubnet", formats.cidr(networking.service_subnet))
    if networking.mtu != 0:
        yield from between("networking.mtu", networking.mtu, 576, 65535, "0 takes the MTU of the node's interface")


def service_size(view: View) -> Iterator[Problem]:
    path = "networking.serviceSubnet"
    for each in view.services:
        if each.prefixlen < LARGEST_SERVICE_RANGE:
            yield Problem(path, f"{each} is too large for the API server", f"take a /{LARGEST_SERVICE_RANGE} at most")
        if each.prefixlen > SMALLEST_SERVICE_RANGE:
            yield Problem(path, f"{each} is too small for the cluster's own services", "take a /24, for example")


def node_ranges(view: View) -> Iterator[Problem]:
    path, mask = "networking.nodeCIDRMaskSize", view.spec.networking.node_cidr_mask_size
    if not 1 <= mask <= SMALLEST_NODE_RANGE:
        yield from between(path, mask, 8, SMALLEST_NODE_RANGE, "it is a prefix length, like the 24 in 10.244.1.0/24")
        return
    if not view.pods or not view.intact(path):
        return
    pods = view.pods[0]
    if mask < pods.prefixlen:
        message = f"a node's range of /{mask} does not fit into podSubnet {pods}"
        yield Problem(path, message, f"take a number above {pods.prefixlen}, or a larger podSubnet")
    elif mask - pods.prefixlen > ALLOCATOR_BITS:
        message = f"/{mask} is more than {ALLOCATOR_BITS} bits from podSubnet {pods}, which Kubernetes refuses"
        yield Problem(path, message, f"take at most {pods.prefixlen + ALLOCATOR_BITS}, or a smaller podSubnet")
    elif (held := split_count(pods, mask)) < len(view.spec.nodes):
        message = f"podSubnet {pods} holds {held} ranges of /{mask} and there are {len(view.spec.nodes)} nodes"
        yield Problem("networking.podSubnet", message, "take a larger podSubnet or a larger nodeCIDRMaskSize")


def overlaps(view: View) -> Iterator[Problem]:
    if overlap(view.pods, view.services):
        networking = view.spec.networking
        yield Problem(
            "networking.serviceSubnet",
            f"{networking.service_subnet} overlaps podSubnet {networking.pod_subnet}",
            "take ranges that do not overlap",
        )
    for path, _, address in view.addresses():
        for name, network in view.ranges:
            if address.overlaps(network):
                message = f"{address.network_address} is inside {name} {network}"
                yield Problem(path, message, f"move {name}, or the node")


def own_ranges(view: View) -> Iterator[Problem]:
    """The `podCIDR` of single nodes."""
    taken: list[tuple[int, int, str]] = []  # first and last address as numbers: there may be thousands
    mask = view.spec.networking.node_cidr_mask_size
    for path, node in view.nodes():
        place, text = f"{path}.podCIDR", node.pod_cidr
        if not text or not view.intact(place):
            continue
        wrong = formats.cidr(text)
        yield from problem_at(place, wrong)
        if wrong:
            continue
        network = parse_range(text)
        if view.pods and not any(within(network, pods) for pods in view.pods):
            yield Problem(
                place, f"{text} is outside podSubnet {view.spec.networking.pod_subnet}", "take one of its ranges"
            )
        elif view.intact("networking.nodeCIDRMaskSize") and network.prefixlen != mask:
            yield Problem(place, f"{text} is not a /{mask}", "nodeCIDRMaskSize sets the size of a node's range")
        first, last = span(network)
        other = next((name for start, end, name in taken if start <= last and first <= end), None)
        if other is not None:
            yield Problem(place, f"{text} overlaps {other}'s podCIDR", "give each node its own")
        taken.append((first, last, node.name))


def manifest(view: View) -> Iterator[Problem]:
    """A third-party pod network comes as a file."""
    networking, path = view.spec.networking, "networking.podNetworkManifest"
    if not view.intact("networking.podNetwork", path) or networking.pod_network != "manifest":
        return
    if not networking.pod_network_manifest:
        yield Problem(path, "podNetwork manifest needs a file", "write the path of your CNI's manifest")
    yield from problem_at(path, formats.key_file(networking.pod_network_manifest))


RULES: tuple[Rule, ...] = (ranges, service_size, node_ranges, overlaps, own_ranges, manifest)
