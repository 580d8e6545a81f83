"""Everything that kinstall puts on one node, by group: what the plan turns into steps."""

from __future__ import annotations

from collections.abc import Iterable

from assets import paths
from assets.api_endpoint import api_endpoint
from assets.container_runtime import container_runtime
from assets.control_plane.static_pods import COMPONENTS, static_pods
from assets.credentials.kubeconfigs import admin_conf
from assets.credentials.pki import ClusterPki, LeafRequest, Signer
from assets.credentials.required import control_plane_leaves, node_leaves
from assets.inputs import NodeInputs
from assets.network import firewall, gateway
from assets.node import DAEMONS, kernel
from assets.pod_network import cni, pod_network
from assets.rendered import Folder, Rendered
from kinstall.cluster import ClusterSpec, Node

RUNTIME = "runtime"
NETWORK = "network"
KUBERNETES = "kubernetes"
CONTROL_PLANE = "control-plane"
GATEWAY = "gateway"


def rendered_for(spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> dict[str, tuple[Rendered, ...]]:
    """Group → files of one node; `control-plane` is empty on workers.

    A static pod's manifest comes after everything it reads: the kubelet starts it the moment it appears.
    """
    runtime = (
        kernel.modules_file(pod_network(spec).modules),
        kernel.sysctl_file(),
        *container_runtime(spec).files(spec, node, inputs),
    )
    keeper = pod_network(spec).keeper
    own = (cni.conflist(inputs.pod_cidr, inputs.mtu), *keeper.files(spec, node, inputs)) if keeper else ()
    network = (*own, *firewall.firewall_files(spec, node))
    kubernetes = (
        Rendered(paths.CA_CERT, pki.ca.certificate_pem),
        *_pairs(node_leaves(spec, node), pki),
        *(each.kubeconfig(spec, node, pki) for each in DAEMONS),
        *(file for each in DAEMONS for file in each.files(spec, node, inputs)),
        *api_endpoint(spec).files(spec, node),
    )
    return {
        RUNTIME: runtime,
        NETWORK: network,
        KUBERNETES: kubernetes,
        CONTROL_PLANE: _control_plane(spec, node, pki, inputs) if node.is_control_plane else (),
        GATEWAY: gateway.gateway_files(spec, node, pki, inputs),
    }


def folders_for(node: Node) -> dict[str, tuple[Folder, ...]]:
    """Group → directories of one node, parents first: those with a mode that matters and those that programs fill.
    Those of the container runtime are in its record."""
    return {
        NETWORK: (
            Folder("/etc/cni"),
            Folder(paths.CNI_CONF),
            Folder("/opt/cni"),
            Folder(paths.CNI_BIN),
            Folder(paths.CNI_STATE, tree=True),
            Folder(paths.CONF),
            Folder(paths.LIB),
        ),
        KUBERNETES: (
            Folder(paths.KUBERNETES),
            Folder(paths.PKI),
            Folder(paths.MANIFESTS, 0o700),
            Folder(paths.KUBELET_DIR, 0o750, tree=True),
            Folder("/var/log/pods", 0o750, tree=True),
            Folder("/var/log/containers", 0o755, tree=True),
        ),
        CONTROL_PLANE: tuple(folder for each in COMPONENTS for folder in each.folders) if node.is_control_plane else (),
    }


def _control_plane(spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> tuple[Rendered, ...]:
    front_proxy, etcd = pki.authorities[Signer.FRONT_PROXY], pki.authorities[Signer.ETCD]
    return (
        _key(paths.CA_KEY, pki.ca.key_pem),
        Rendered(paths.FRONT_PROXY_CA_CERT, front_proxy.certificate_pem),
        _key(paths.FRONT_PROXY_CA_KEY, front_proxy.key_pem),
        Rendered(paths.ETCD_CA_CERT, etcd.certificate_pem),
        _key(paths.ETCD_CA_KEY, etcd.key_pem),
        Rendered(paths.SA_PUB, pki.service_accounts.public_pem),
        _key(paths.SA_KEY, pki.service_accounts.key_pem),
        *_pairs(control_plane_leaves(spec, node), pki),
        admin_conf(spec, pki),
        *(file for each in COMPONENTS for file in each.files(spec, node, pki)),
        *static_pods(spec, node, pki, inputs),
    )


def _pairs(requests: Iterable[LeafRequest], pki: ClusterPki) -> tuple[Rendered, ...]:
    """Certificates and keys that are files on the node; the others are in kubeconfigs."""
    rendered: list[Rendered] = []
    for request in requests:
        if request.path:
            pair = pki.leaf(request.name, request.node)
            rendered += (Rendered(request.certificate_path, pair.certificate_pem), _key(request.key_path, pair.key_pem))
    return tuple(rendered)


def _key(path: str, content: bytes) -> Rendered:
    return Rendered(path, content, 0o600, secret=True)
