"""Everything that lies on one node, by group: what the plan turns into steps."""

from __future__ import annotations

from assets import paths
from assets.container_runtime import container_runtime
from assets.control_plane import static_pods
from assets.credentials import kubeconfigs
from assets.credentials.required import ClusterPki, Signer, wanted_leaves
from assets.inputs import NodeInputs
from assets.network import firewall, gateway
from assets.node import kernel, kube_proxy, kubelet
from assets.pod_network import cni, pod_network
from assets.rendered import Folder, Rendered
from kinstall.cluster import ClusterSpec, Node

RUNTIME = "runtime"
NETWORK = "network"
KUBERNETES = "kubernetes"
CONTROL_PLANE = "control-plane"
GATEWAY = "gateway"
GROUPS = (RUNTIME, NETWORK, KUBERNETES, CONTROL_PLANE, GATEWAY)


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
    network = (*own, *firewall.firewall_files(spec))
    kubernetes = (
        Rendered(paths.CA_CERT, pki.ca.certificate_pem),
        *_leaves(spec, node, pki, control_plane=False),
        kubeconfigs.kubelet_conf(spec, node, pki),
        kubeconfigs.kube_proxy_conf(spec, node, pki),
        kubelet.kubelet_config(spec, node, inputs),
        kubelet.kubelet_unit(spec, node),
        kube_proxy.kube_proxy_config(spec, node),
        kube_proxy.kube_proxy_unit(spec, node),
    )
    return {
        RUNTIME: runtime,
        NETWORK: network,
        KUBERNETES: kubernetes,
        CONTROL_PLANE: _control_plane(spec, node, pki, inputs) if node.is_control_plane else (),
        GATEWAY: gateway.gateway_files(spec, node, pki),
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
        CONTROL_PLANE: (Folder(paths.ETCD_PKI), Folder(paths.ETCD_DATA, 0o700, tree=True))
        if node.is_control_plane
        else (),
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
        *_leaves(spec, node, pki, control_plane=True),
        kubeconfigs.admin_conf(spec, pki),
        kubeconfigs.controller_manager_conf(spec, node, pki),
        kubeconfigs.scheduler_conf(spec, node, pki),
        *static_pods.static_pods(spec, node, pki, inputs),
    )


def _leaves(spec: ClusterSpec, node: Node, pki: ClusterPki, *, control_plane: bool) -> tuple[Rendered, ...]:
    kubelets = (f"{paths.PKI}/kubelet", f"{paths.PKI}/kubelet-client")
    rendered: list[Rendered] = []
    for request in wanted_leaves(spec, node):
        if not request.path or (request.path in kubelets) == control_plane:
            continue
        pair = pki.leaf(request.name, node.name)
        rendered += (Rendered(request.certificate_path, pair.certificate_pem), _key(request.key_path, pair.key_pem))
    return tuple(rendered)


def _key(path: str, content: bytes) -> Rendered:
    return Rendered(path, content, 0o600, secret=True)
