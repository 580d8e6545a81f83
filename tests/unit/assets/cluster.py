"""A small cluster to render, shared by the tests of the assets."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from assets.catalog import rendered_for
from assets.credentials.pki import ClusterPki
from assets.inputs import NodeInputs
from assets.rendered import Rendered
from kinstall.cluster import CONTROL_PLANE, WORKER, ClusterSpec, Node
from kinstall.cluster.release_files import ImageRefs
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.store import ensure_pki

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

SPEC = ClusterSpec(
    cluster_name="demo",
    nodes=(
        Node(name="cp1", address="192.0.2.11", role=CONTROL_PLANE),
        Node(name="w1", address="192.0.2.12", role=WORKER, labels={"zone": "a"}),
        Node(name="w2", address="192.0.2.13", role=WORKER),
    ),
)

CIDRS = {"cp1": "10.244.0.0/24", "w1": "10.244.1.0/24", "w2": "10.244.2.0/24"}

IMAGES = ImageRefs(
    kube_apiserver="registry.example/kube-apiserver:v1",
    kube_controller_manager="registry.example/kube-controller-manager:v1",
    kube_scheduler="registry.example/kube-scheduler:v1",
    etcd="registry.example/etcd:3",
    pause="registry.example/pause:3",
    coredns="registry.example/coredns:v1",
    agnhost="registry.example/agnhost:2",
    haproxy="registry.example/haproxy:3",
)


def inputs_of(name: str, **changes: Any) -> NodeInputs:
    """A node's inputs, some of them otherwise."""
    peers = {peer: cidr for peer, cidr in CIDRS.items() if peer != name}
    return replace(NodeInputs(images=IMAGES, pod_cidr=CIDRS[name], peers=peers, mtu=1450), **changes)


def pki_in(folder: Path, spec: ClusterSpec = SPEC) -> ClusterPki:
    return ensure_pki(spec, PkiFolder(folder / "pki"), NOW, create_cas=True)


def files_of(spec: ClusterSpec, name: str, pki: ClusterPki, **changes: Any) -> dict[str, Rendered]:
    """Path → file of one node."""
    groups = rendered_for(spec, spec.node(name), pki, inputs_of(name, **changes))
    return {file.path: file for group in groups.values() for file in group}


def loaded(file: Rendered) -> Any:
    return yaml.safe_load(file.content)
