"""The controller manager: makes the cluster what its objects say. One of them leads, on one of the control planes."""

from __future__ import annotations

from assets import paths
from assets.control_plane.pod import PKI_MOUNT, Component, Mount, Probe, Probes, pems
from assets.credentials.kubeconfigs import controller_manager_conf
from assets.credentials.pki import ClusterPki, Leaf, LeafRequest, Signer
from assets.flags import FILE, KUBECONFIG, PODS, SERVICES, Flag, refused
from kinstall.cluster import ClusterSpec, Node, ports

OWNED_FLAGS = {
    "cluster-name": "set clusterName instead",
    "service-cluster-ip-range": SERVICES,
    **refused(PODS, "cluster-cidr", "node-cidr-mask-size", "allocate-node-cidrs"),
    **refused(KUBECONFIG, "kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"),
    **refused(FILE, "root-ca-file", "service-account-private-key-file", "client-ca-file"),
    **refused(FILE, "cluster-signing-cert-file", "cluster-signing-key-file", "requestheader-client-ca-file"),
}


def flags(spec: ClusterSpec, node: Node) -> tuple[Flag, ...]:
    """As kubeadm 1.37 sets them, checked against the program's own help; what differs says why."""
    kubeconfig = paths.CONTROLLER_MANAGER_CONF
    return (
        Flag("bind-address", "127.0.0.1", "only the node's own kubelet asks it"),
        Flag("leader-elect", "true", "one per control plane, and one of them works"),
        Flag("kubeconfig", kubeconfig, "it asks its own node's API server"),
        Flag("authentication-kubeconfig", kubeconfig, "who asks for its metrics is looked up in the API"),
        Flag("authorization-kubeconfig", kubeconfig, "who asks for its metrics is looked up in the API"),
        Flag("client-ca-file", paths.CA_CERT, "who may sign the certificates of those who ask it"),
        Flag("requestheader-client-ca-file", paths.FRONT_PROXY_CA_CERT, "the same for the aggregation layer"),
        Flag("root-ca-file", paths.CA_CERT, "pods get it beside their token, to check the API with"),
        Flag("service-account-private-key-file", paths.SA_KEY, "signs tokens that are stored in Secrets"),
        Flag("cluster-signing-cert-file", paths.CA_CERT, "kubelets renew their certificates through the API"),
        Flag("cluster-signing-key-file", paths.CA_KEY, "kubelets renew their certificates through the API"),
        Flag("use-service-account-credentials", "true", "each controller has the rights that it needs, and no others"),
        Flag("controllers", "*,bootstrapsigner,tokencleaner", "as kubeadm sets it"),
        Flag("cluster-name", spec.cluster_name, "clusterName"),
        Flag("service-cluster-ip-range", spec.networking.service_subnet, "networking.serviceSubnet"),
        Flag("cluster-cidr", spec.networking.pod_subnet, "networking.podSubnet"),
        *_pod_ranges(spec),
    )


def _pod_ranges(spec: ClusterSpec) -> tuple[Flag, ...]:
    if spec.networking.plans_ranges:
        why = "kinstall plans the nodes' pod ranges, as routes follow from them; two that allocate would race"
        return (Flag("allocate-node-cidrs", "false", why),)
    why = "a third-party pod network expects the cluster to allocate the nodes' pod ranges"
    return (
        Flag("allocate-node-cidrs", "true", why),
        Flag("node-cidr-mask-size", str(spec.networking.node_cidr_mask_size), "networking.nodeCIDRMaskSize"),
    )


def certificates(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    name = Leaf.CONTROLLER_MANAGER
    return (LeafRequest(name, node.name, f"system:kube-{name}", client=True),)


def _probes(node: Node) -> Probes:
    health = Probe("/healthz", "127.0.0.1", ports.CONTROLLER_MANAGER)
    return Probes(live=health, startup=health)


def _restarts_with(pki: ClusterPki, node: Node) -> tuple[bytes, ...]:
    signers = (Signer.CLUSTER, Signer.FRONT_PROXY)
    return (*pems(pki, node, signers, (Leaf.CONTROLLER_MANAGER,)), pki.service_accounts.public_pem)


CONTROLLER_MANAGER = Component(
    name="kube-controller-manager",
    key="kubeControllerManager",
    image=lambda images: images.kube_controller_manager,
    overrides=lambda components: components.kube_controller_manager,
    flags=flags,
    owned_flags=OWNED_FLAGS,
    mounts=(PKI_MOUNT, Mount("kubeconfig", paths.CONTROLLER_MANAGER_CONF, "File")),
    mounts_cas=True,
    requests={"cpu": "200m"},
    probes=_probes,
    ports=(ports.CONTROLLER_MANAGER,),
    certificates=certificates,
    restarts_with=_restarts_with,
    files=lambda spec, node, pki: (controller_manager_conf(spec, node, pki),),
)
