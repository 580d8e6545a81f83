"""Address ranges: how they are written, whether they are large enough, and that none lies in another."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.answers.rules import formats
from kinstall.answers.rules.view import Rule, View, between, told
from kinstall.cluster.subnets import Range, overlap, parse_range, split_count, within
from kinstall.findings import Problem

SMALLEST_NODE_RANGE = 28
"""A /28 holds 13 pods; with less a node is of little use."""
LARGEST_SERVICE_RANGE, SMALLEST_SERVICE_RANGE = 12, 28
"""The API server refuses more than 20 bits of services; the DNS service has the tenth address."""
ALLOCATOR_BITS = 16
"""Kubernetes' range allocator takes at most 16 bits between podSubnet and a node's range."""


def ranges(view: View) -> Iterator[Problem]:
    networking = view.spec.networking
    yield from told("networking.podSubnet", formats.cidr(networking.pod_subnet))
    yield from told("networking.serviceSubnet", formats.cidr(networking.service_subnet))
    if networking.mtu != 0:
        yield from between("networking.mtu", networking.mtu, 576, 65535, "0 takes that of the node's interface")


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
        yield from between(path, mask, 8, SMALLEST_NODE_RANGE, "it is a prefix length, as the 24 in 10.244.1.0/24")
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
            "take ranges that have nothing in common",
        )
    for path, _, address in view.addresses():
        for name, network in view.ranges:
            if address.overlaps(network):
                message = f"{address.network_address} lies inside {name} {network}"
                yield Problem(path, message, f"move {name}, or the node")


def own_ranges(view: View) -> Iterator[Problem]:
    """The `podCIDR` of single nodes."""
    taken: dict[Range, str] = {}
    mask = view.spec.networking.node_cidr_mask_size
    for path, node in view.nodes():
        place, text = f"{path}.podCIDR", node.pod_cidr
        if not text or not view.intact(place):
            continue
        wrong = formats.cidr(text)
        yield from told(place, wrong)
        if wrong:
            continue
        network = parse_range(text)
        if view.pods and not any(within(network, pods) for pods in view.pods):
            yield Problem(
                place, f"{text} lies outside podSubnet {view.spec.networking.pod_subnet}", "take one of its ranges"
            )
        elif view.intact("networking.nodeCIDRMaskSize") and network.prefixlen != mask:
            yield Problem(place, f"{text} is no /{mask}", "nodeCIDRMaskSize says how large a node's range is")
        other = next((name for range_, name in taken.items() if range_.overlaps(network)), None)
        if other is not None:
            yield Problem(place, f"{text} overlaps {other}'s podCIDR", "give each node its own")
        taken[network] = node.name


def manifest(view: View) -> Iterator[Problem]:
    """A network of the operator's own: its file, and what then has no meaning here."""
    networking, path = view.spec.networking, "networking.podNetworkManifest"
    if not view.intact("networking.podNetwork", path):
        return
    if networking.pod_network != "manifest":
        if networking.pod_network_manifest:
            message = f"a manifest means nothing with podNetwork {networking.pod_network}"
            yield Problem(path, message, "leave it out, or take podNetwork: manifest")
        return
    if not networking.pod_network_manifest:
        yield Problem(path, "podNetwork manifest takes its network from a file", "name your CNI's manifest")
    yield from told(path, formats.key_file(networking.pod_network_manifest))
    if networking.mtu:
        yield Problem("networking.mtu", "a manifest's network sets its MTU itself", "leave it out, set it in there")
    for place, node in view.nodes():
        if node.pod_cidr:
            message = "with podNetwork manifest the cluster gives each node its range"
            yield Problem(f"{place}.podCIDR", message, "leave it out")


RULES: tuple[Rule, ...] = (ranges, service_size, node_ranges, overlaps, own_ranges, manifest)
