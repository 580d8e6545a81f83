"""Ranges: what fits into them, and that every node keeps its own."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from kinstall.cluster import ClusterSpec, Networking, Node
from kinstall.cluster.pod_ranges import assign_pod_cidrs, capacity
from kinstall.cluster.subnets import parse_range, within
from kinstall.errors import KinstallError


def cluster(count: int, networking: Networking | None = None) -> ClusterSpec:
    nodes = tuple(
        Node(name=f"n{index}", address=f"10.90.{index // 200}.{index % 200 + 1}", role="worker")
        for index in range(count)
    )
    return ClusterSpec(nodes=nodes, networking=networking or Networking())


@pytest.mark.parametrize(
    ("pods", "mask", "services", "wanted"),
    [
        ("10.244.0.0/16", 24, "10.96.0.0/16", (256, 253, 65534)),
        ("10.244.0.0/16", 26, "10.96.0.0/24", (1024, 61, 254)),
        ("10.244.0.0/16", 27, "10.96.0.0/12", (2048, 29, 1048574)),
        ("10.244.0.0/24", 24, "10.96.0.0/28", (1, 253, 14)),
        ("10.244.0.0/24", 20, "10.96.0.0/28", (0, 4093, 14)),
    ],
)
def test_capacity(pods: str, mask: int, services: str, wanted: tuple[int, int, int]) -> None:
    """Nodes, pods per node and services follow from the prefix lengths alone."""
    assert capacity(Networking(pod_subnet=pods, node_cidr_mask_size=mask, service_subnet=services)) == wanted


def test_first_assignment_goes_up_from_the_start() -> None:
    """A new cluster's ranges are the first ones of podSubnet, in the order of the list."""
    assert assign_pod_cidrs(cluster(3), {}) == {"n0": "10.244.0.0/24", "n1": "10.244.1.0/24", "n2": "10.244.2.0/24"}


def test_what_is_kept_does_not_depend_on_the_order() -> None:
    """However the list is shuffled, and whatever joins, a node keeps its range and nobody gets it twice."""
    chance = random.Random(7)
    spec = cluster(20)
    kept = assign_pod_cidrs(spec, {})
    for _ in range(20):
        grown = list(cluster(26).nodes)
        chance.shuffle(grown)
        result = assign_pod_cidrs(replace(spec, nodes=tuple(grown)), kept)
        assert {name: result[name] for name in kept} == kept
        assert len(set(result.values())) == 26
        assert all(within(parse_range(cidr), spec.networking.pods[0]) for cidr in result.values())
        assert assign_pod_cidrs(replace(spec, nodes=tuple(reversed(grown))), result) == result


def test_a_gap_is_filled_but_not_while_its_owner_is_remembered() -> None:
    """A range that a node which left still has is not given away; once it is forgotten, it is."""
    spec = cluster(3)
    without = replace(spec, nodes=(spec.nodes[0], spec.nodes[2], Node(name="new", address="10.91.0.1", role="worker")))
    kept = assign_pod_cidrs(spec, {})
    assert assign_pod_cidrs(without, kept)["new"] == "10.244.3.0/24"
    del kept["n1"]
    assert assign_pod_cidrs(without, kept)["new"] == "10.244.1.0/24"


def test_own_ranges_come_first() -> None:
    """A node's own podCIDR holds wherever it stands in the list, and the others go around it."""
    spec = cluster(3)
    own = replace(spec.nodes[2], pod_cidr="10.244.0.0/24")
    result = assign_pod_cidrs(replace(spec, nodes=(*spec.nodes[:2], own)), {})
    assert result == {"n0": "10.244.1.0/24", "n1": "10.244.2.0/24", "n2": "10.244.0.0/24"}


def test_full() -> None:
    """A podSubnet without a free range is an error that says how many it holds."""
    networking = Networking(pod_subnet="10.244.0.0/22")
    assert len(assign_pod_cidrs(cluster(4, networking), {})) == 4
    with pytest.raises(KinstallError, match="holds 4 ranges of /24, and none is free for the 5 nodes"):
        assign_pod_cidrs(cluster(5, networking), {})


def test_kept_range_outside_pod_subnet() -> None:
    """A record that does not fit podSubnet is an error, not a second range."""
    with pytest.raises(KinstallError, match=r"n1: its pod range 10\.1\.0\.0/24 is outside podSubnet"):
        assign_pod_cidrs(cluster(2), {"n1": "10.1.0.0/24"})


def test_range_claimed_twice() -> None:
    """A podCIDR that another node's record holds is an error that names both."""
    spec = cluster(2)
    claimed = replace(spec, nodes=(spec.nodes[0], replace(spec.nodes[1], pod_cidr="10.244.0.0/24")))
    with pytest.raises(KinstallError, match=r"n1: its pod range 10\.244\.0\.0/24 overlaps n0's"):
        assign_pod_cidrs(claimed, {"n0": "10.244.0.0/24"})
