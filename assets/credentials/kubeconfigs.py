"""Kubeconfig files: who talks to which address of the API, with which certificate."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from assets import paths
from assets.api_endpoint import api_endpoint
from assets.credentials.pki import ClusterPki, KeyPair, Leaf
from assets.rendered import Rendered, text
from assets.yaml_writer import document
from kinstall.cluster import ClusterSpec, Node, ports


def admin_conf(spec: ClusterSpec, pki: ClusterPki) -> Rendered:
    """The operator's kubeconfig; its group has rights once `objects.bootstrap_objects` are applied."""
    return _embedded(paths.ADMIN_CONF, spec, pki, _from_outside(spec), "kubernetes-admin", pki.leaf(Leaf.ADMIN))


def super_admin_conf(spec: ClusterSpec, pki: ClusterPki) -> Rendered:
    """A kubeconfig that RBAC cannot refuse: for the operator's state folder, and for /run while the cluster is made."""
    user = "kubernetes-super-admin"
    return _embedded(paths.SUPER_ADMIN_CONF, spec, pki, _from_outside(spec), user, pki.leaf(Leaf.SUPER_ADMIN))


def controller_manager_conf(spec: ClusterSpec, node: Node, pki: ClusterPki) -> Rendered:
    return _component(paths.CONTROLLER_MANAGER_CONF, spec, node, pki, Leaf.CONTROLLER_MANAGER)


def scheduler_conf(spec: ClusterSpec, node: Node, pki: ClusterPki) -> Rendered:
    return _component(paths.SCHEDULER_CONF, spec, node, pki, Leaf.SCHEDULER)


def kube_proxy_conf(spec: ClusterSpec, node: Node, pki: ClusterPki) -> Rendered:
    pair = pki.leaf(Leaf.KUBE_PROXY, node.name)
    return _embedded(paths.KUBE_PROXY_CONF, spec, pki, _from_node(spec, node), "system:kube-proxy", pair)


def kubelet_conf(spec: ClusterSpec, node: Node, pki: ClusterPki) -> Rendered:
    """The kubelet's kubeconfig, with its client certificate in files.

    The kubelet rotates that certificate itself into /var/lib/kubelet/pki/kubelet-client-current.pem, and never writes
    this file: a later replay finds it as it left it. Were the certificate embedded, a kubelet with rotateCertificates
    would take it for kubeadm's bootstrap credential, ask for another one at its first start and then drop all its
    connections, just when the cluster comes up (client-go's certificate manager, `getCurrentCertificateOrBootstrap`).
    A control plane's kubelet uses its own API server, which is never newer or older than the node.
    """
    server = _local(node) if node.is_control_plane else _from_node(spec, node)
    user = {
        "client-certificate": f"{paths.PKI}/{Leaf.KUBELET_CLIENT}.crt",
        "client-key": f"{paths.PKI}/{Leaf.KUBELET_CLIENT}.key",
    }
    return _rendered(paths.KUBELET_CONF, spec, pki, server, f"system:node:{node.name}", user)


def _component(path: str, spec: ClusterSpec, node: Node, pki: ClusterPki, leaf: Leaf) -> Rendered:
    return _embedded(path, spec, pki, _local(node), f"system:kube-{leaf}", pki.leaf(leaf, node.name))


def _local(node: Node) -> str:
    return f"https://{node.internal_ip}:{ports.API_SERVER}"


def _from_node(spec: ClusterSpec, node: Node) -> str:
    return f"https://{api_endpoint(spec).from_node(spec, node)}"


def _from_outside(spec: ClusterSpec) -> str:
    return f"https://{spec.endpoint}"


def _embedded(path: str, spec: ClusterSpec, pki: ClusterPki, server: str, user: str, pair: KeyPair) -> Rendered:
    credentials = {
        "client-certificate-data": _data(pair.certificate_pem),
        "client-key-data": _data(pair.key_pem),
    }
    return _rendered(path, spec, pki, server, user, credentials)


def _rendered(
    path: str, spec: ClusterSpec, pki: ClusterPki, server: str, user: str, credentials: dict[str, str]
) -> Rendered:
    cluster = spec.cluster_name
    context = f"{user}@{cluster}"
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {"certificate-authority-data": _data(pki.ca.certificate_pem), "server": server},
            }
        ],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": context, "context": {"cluster": cluster, "user": user}}],
        "current-context": context,
    }
    return text(path, document(config), 0o600, secret=True)


def _data(pem: bytes) -> str:
    """PEM as the `…-data` fields hold it."""
    return b64encode(pem).decode()
