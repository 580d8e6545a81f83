"""The control plane of a node: its components, each a static pod that the kubelet runs without asking the API."""

from __future__ import annotations

from assets.control_plane.api_server import API_SERVER
from assets.control_plane.controller_manager import CONTROLLER_MANAGER
from assets.control_plane.etcd import ETCD
from assets.control_plane.pod import manifest
from assets.control_plane.scheduler import SCHEDULER
from assets.credentials.pki import ClusterPki
from assets.inputs import NodeInputs
from assets.rendered import Rendered
from kinstall.cluster import ClusterSpec, Node

COMPONENTS = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER)
"""To add one: a module that makes a Component, a line here, and its key among the answers' `components`."""


def static_pods(spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> tuple[Rendered, ...]:
    """The manifests of one control plane."""
    return tuple(manifest(component, spec, node, pki, inputs) for component in COMPONENTS)
