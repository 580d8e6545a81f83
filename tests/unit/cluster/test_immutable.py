"""What answers may not change under a living cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from kinstall.cluster import ClusterSpec, Networking, Node, Security
from kinstall.cluster.immutable import identity, immutable_changes, moved_nodes, removed_nodes

SPEC = ClusterSpec(
    cluster_name="demo",
    kubernetes_version="1.36.3",
    nodes=(
        Node(name="cp1", address="10.90.0.11", role="control-plane"),
        Node(name="w1", address="10.90.0.12", role="worker"),
    ),
)
RECORDED = json.loads(json.dumps(identity(SPEC, SPEC.nodes[1], "sha256:ab", "10.244.1.0/24")))


def worker(**changes: Any) -> ClusterSpec:
    return replace(SPEC, nodes=(SPEC.nodes[0], replace(SPEC.nodes[1], **changes)))


def test_identity() -> None:
    """The record names the cluster, the node and the answers that others depend on."""
    assert RECORDED == {
        "cluster": "demo",
        "caFingerprint": "sha256:ab",
        "node": "w1",
        "role": "worker",
        "address": "10.90.0.12",
        "podCIDR": "10.244.1.0/24",
        "kubernetesVersion": "1.36.3",
        "controlPlaneEndpoint": "10.90.0.11:6443",
        "podNetwork": "routed",
        "podSubnet": "10.244.0.0/16",
        "nodeCIDRMaskSize": 24,
        "serviceSubnet": "10.96.0.0/16",
        "dnsDomain": "cluster.local",
    }


@pytest.mark.parametrize(
    ("spec", "path", "part"),
    [
        (replace(SPEC, networking=Networking(pod_subnet="10.240.0.0/16")), "networking.podSubnet", "10.244.0.0/16"),
        (replace(SPEC, networking=Networking(node_cidr_mask_size=25)), "networking.nodeCIDRMaskSize", "set up with 24"),
        (
            replace(SPEC, networking=Networking(service_subnet="10.96.0.0/12")),
            "networking.serviceSubnet",
            "10.96.0.0/16",
        ),
        (replace(SPEC, networking=Networking(dns_domain="c.example")), "networking.dnsDomain", "cluster.local"),
        (replace(SPEC, control_plane_endpoint="k8s.example.com:6443"), "controlPlaneEndpoint", "10.90.0.11:6443"),
        (worker(name="w9"), "nodes[1].name", "w9 in the answers, but w9 was set up with w1"),
        (worker(address="10.90.0.13"), "nodes[1].address", "10.90.0.12"),
        (worker(pod_cidr="10.244.7.0/24"), "nodes[1].podCIDR", "10.244.1.0/24"),
        (replace(SPEC, kubernetes_version="1.36.2"), "kubernetesVersion", "1.36.2 is older than 1.36.3"),
        (replace(SPEC, kubernetes_version="1.35.8"), "kubernetesVersion", "Kubernetes cannot go back"),
        (
            replace(SPEC, kubernetes_version="1.38.0"),
            "kubernetesVersion",
            "would skip a minor release; go to 1.37 first",
        ),
    ],
)
def test_refused_by_name(spec: ClusterSpec, path: str, part: str) -> None:
    """Each of these is one problem at its own place, which says what was recorded."""
    (problem,) = immutable_changes(RECORDED, spec, spec.nodes[1])
    assert problem.path == path
    assert part in str(problem)


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        replace(SPEC, control_plane_endpoint="10.90.0.11:6443"),
        replace(SPEC, kubernetes_version="1.36.4"),
        replace(SPEC, kubernetes_version="1.37.2"),
        replace(SPEC, security=Security(extra_sans=("a.example.com",))),
        replace(SPEC, networking=Networking(mtu=1400, proxy_mode="iptables")),
        worker(labels={"a": "b"}, pod_cidr="10.244.1.0/24"),
        replace(SPEC, nodes=(*SPEC.nodes, Node(name="w2", address="10.90.0.13", role="worker"))),
    ],
    ids=["nothing", "endpoint written out", "patch", "minor", "SANs", "network settings", "labels", "new worker"],
)
def test_ordinary_changes_pass(spec: ClusterSpec) -> None:
    """What can change is no problem, nor is what only is written differently."""
    assert immutable_changes(RECORDED, spec, spec.nodes[1]) == []


def test_an_older_record_is_compared_as_far_as_it_goes() -> None:
    """A key that a record does not have is not compared."""
    assert immutable_changes({"cluster": "demo"}, worker(name="w9"), worker(name="w9").nodes[1]) == []


def test_removed_nodes() -> None:
    """Each node that is missing from the answers is named with the way out; all there is no problem."""
    assert removed_nodes(["w1", "cp1"], SPEC) == []
    (problem,) = removed_nodes(["cp1", "w1", "w2"], SPEC)
    assert str(problem).startswith("nodes: w2 belongs to the cluster and is missing from the answers; put it back")


def test_moved_nodes() -> None:
    """A node that is looked for elsewhere is named at its place; an address that nobody knows yet is none."""
    assert moved_nodes({"cp1": "10.90.0.11", "w1": "", "w9": "10.90.0.99"}, SPEC) == []
    (problem,) = moved_nodes({"w1": "10.90.0.77"}, SPEC)
    assert str(problem).startswith("nodes[1].address: 10.90.0.12 in the answers, but w1 was set up at 10.90.0.77")
