"""Which certificates a cluster needs: every component says its own.

Together they are the table of https://kubernetes.io/docs/setup/best-practices/certificates/ with what kinstall adds: a
serving certificate of every kubelet signed by the cluster's CA, and a client certificate of kube-proxy per node.
"""

from __future__ import annotations

from assets.control_plane import api_server, controller_manager, etcd, scheduler
from assets.credentials.pki import Leaf, LeafRequest
from assets.node import DAEMONS
from kinstall.cluster import ClusterSpec, Node


def wanted_leaves(spec: ClusterSpec, node: Node | None = None) -> tuple[LeafRequest, ...]:
    """The certificates of one node, or of the operator where `node` is None."""
    if node is None:
        return _operator()
    return (*control_plane_leaves(spec, node), *node_leaves(spec, node))


def control_plane_leaves(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    """Those of what runs on control planes only; none for a worker."""
    if not node.is_control_plane:
        return ()
    # They are made, and put on the node, in this order.
    components = (api_server.API_SERVER, etcd.ETCD, controller_manager.CONTROLLER_MANAGER, scheduler.SCHEDULER)
    return (*(leaf for each in components for leaf in each.certificates(spec, node)), *_gateway(spec, node))


def node_leaves(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    """Those of what runs on every node."""
    return tuple(leaf for each in DAEMONS for leaf in each.certificates(spec, node))


def _operator() -> tuple[LeafRequest, ...]:
    return (
        LeafRequest(Leaf.ADMIN, "", "kubernetes-admin", "kubeadm:cluster-admins", client=True),
        LeafRequest(Leaf.SUPER_ADMIN, "", "kubernetes-super-admin", "system:masters", client=True),
    )


def _gateway(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    # A name of its own: an audit log shows what came in without credentials.
    if spec.security.mode != "http":
        return ()
    return (LeafRequest(Leaf.GATEWAY, node.name, "kinstall-gateway", "kubeadm:cluster-admins", client=True),)
