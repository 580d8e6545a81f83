"""The cluster's keys and certificates as data: which there are, what they say, where they lie on a node.

The table is that of https://kubernetes.io/docs/setup/best-practices/certificates/ with what kinstall adds: a serving
certificate of every kubelet signed by the cluster's CA, and a client certificate of kube-proxy per node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from assets import paths
from kinstall.cluster import ClusterSpec, Node
from kinstall.cluster.subnets import is_address


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key pair that signs service account tokens, both PEM."""

    public_pem: bytes
    key_pem: bytes = field(repr=False)


class Signer(StrEnum):
    """The certificate authorities, by their names in the PKI folder."""

    CLUSTER = "ca"
    FRONT_PROXY = "front-proxy-ca"
    ETCD = "etcd/ca"


CA_COMMON_NAMES = {Signer.CLUSTER: "kubernetes", Signer.FRONT_PROXY: "front-proxy-ca", Signer.ETCD: "etcd-ca"}


class Leaf(StrEnum):
    """The certificates that are not authorities."""

    APISERVER = "apiserver"
    APISERVER_KUBELET_CLIENT = "apiserver-kubelet-client"
    APISERVER_ETCD_CLIENT = "apiserver-etcd-client"
    FRONT_PROXY_CLIENT = "front-proxy-client"
    ETCD_SERVER = "etcd/server"
    ETCD_PEER = "etcd/peer"
    ETCD_HEALTHCHECK_CLIENT = "etcd/healthcheck-client"
    KUBELET_SERVING = "kubelet"
    KUBELET_CLIENT = "kubelet-client"
    KUBE_PROXY = "kube-proxy"
    CONTROLLER_MANAGER = "controller-manager"
    SCHEDULER = "scheduler"
    GATEWAY = "gateway"
    ADMIN = "admin"
    SUPER_ADMIN = "super-admin"


@dataclass(frozen=True, slots=True)
class LeafRequest:
    """What a certificate shall say. `node` is empty for the operator's own; `path` (without suffix) is where the pair
    lies on the node, empty where it is only embedded in a kubeconfig."""

    name: Leaf
    node: str
    common_name: str
    organization: str = ""
    server: bool = False
    client: bool = False
    dns_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    signer: Signer = Signer.CLUSTER
    path: str = ""

    @property
    def certificate_path(self) -> str:
        return f"{self.path}.crt"

    @property
    def key_path(self) -> str:
        return f"{self.path}.key"


@dataclass(frozen=True, slots=True)
class ClusterPki:
    """Everything secret of one cluster; `leaves` by (node name or "", leaf)."""

    authorities: Mapping[Signer, KeyPair]
    service_accounts: SigningKey
    leaves: Mapping[tuple[str, Leaf], KeyPair]

    @property
    def ca(self) -> KeyPair:
        return self.authorities[Signer.CLUSTER]

    def leaf(self, name: Leaf, node: str = "") -> KeyPair:
        """KeyError for a pair that the spec did not ask for."""
        return self.leaves[node, name]


def wanted_leaves(spec: ClusterSpec, node: Node | None = None) -> tuple[LeafRequest, ...]:
    """The certificates of one node, or of the operator where `node` is None."""
    if node is None:
        return _operator_leaves()
    return (*(_control_plane_leaves(spec, node) if node.is_control_plane else ()), *_node_leaves(node))


def _operator_leaves() -> tuple[LeafRequest, ...]:
    return (
        LeafRequest(Leaf.ADMIN, "", "kubernetes-admin", "kubeadm:cluster-admins", client=True),
        LeafRequest(Leaf.SUPER_ADMIN, "", "kubernetes-super-admin", "system:masters", client=True),
    )


def _node_leaves(node: Node) -> tuple[LeafRequest, ...]:
    user = f"system:node:{node.name}"
    return (
        LeafRequest(
            Leaf.KUBELET_SERVING,
            node.name,
            user,
            "system:nodes",
            server=True,
            dns_names=(node.name,),
            addresses=(node.internal_ip,),
            path=f"{paths.PKI}/kubelet",
        ),
        LeafRequest(
            Leaf.KUBELET_CLIENT, node.name, user, "system:nodes", client=True, path=f"{paths.PKI}/kubelet-client"
        ),
        LeafRequest(Leaf.KUBE_PROXY, node.name, "system:kube-proxy", client=True),
    )


def _control_plane_leaves(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    def client(name: Leaf, common_name: str, signer: Signer = Signer.CLUSTER) -> LeafRequest:
        return LeafRequest(name, node.name, common_name, client=True, signer=signer, path=f"{paths.PKI}/{name}")

    def embedded(name: Leaf) -> LeafRequest:
        return LeafRequest(name, node.name, f"system:kube-{name}", client=True)

    def etcd(name: Leaf) -> LeafRequest:
        return LeafRequest(
            name,
            node.name,
            node.name,
            server=True,
            client=True,
            dns_names=("localhost", node.name),
            addresses=(node.internal_ip, "127.0.0.1", "::1"),
            signer=Signer.ETCD,
            path=f"{paths.PKI}/{name}",
        )

    return (
        _apiserver(spec, node),
        client(Leaf.APISERVER_KUBELET_CLIENT, "kube-apiserver-kubelet-client"),
        client(Leaf.APISERVER_ETCD_CLIENT, "kube-apiserver-etcd-client", Signer.ETCD),
        client(Leaf.FRONT_PROXY_CLIENT, "front-proxy-client", Signer.FRONT_PROXY),
        etcd(Leaf.ETCD_SERVER),
        etcd(Leaf.ETCD_PEER),
        client(Leaf.ETCD_HEALTHCHECK_CLIENT, "kube-etcd-healthcheck-client", Signer.ETCD),
        embedded(Leaf.CONTROLLER_MANAGER),
        embedded(Leaf.SCHEDULER),
        *_gateway(spec, node),
    )


def _gateway(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    # A name of its own: an audit log tells what came in without credentials.
    if spec.security.mode != "http":
        return ()
    return (LeafRequest(Leaf.GATEWAY, node.name, "kinstall-gateway", "kubeadm:cluster-admins", client=True),)


def _apiserver(spec: ClusterSpec, node: Node) -> LeafRequest:
    domain = spec.networking.dns_domain
    given = (spec.endpoint_host, *spec.security.extra_sans)
    names = (
        node.name,
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{domain}",
        *(name for name in given if not is_address(name)),
    )
    addresses = (
        spec.networking.api_service_ip,
        node.internal_ip,
        node.address,
        "127.0.0.1",
        *(name for name in given if is_address(name)),
    )
    return LeafRequest(
        Leaf.APISERVER,
        node.name,
        "kube-apiserver",
        server=True,
        dns_names=tuple(dict.fromkeys(names)),
        addresses=tuple(dict.fromkeys(addresses)),
        path=f"{paths.PKI}/{Leaf.APISERVER}",
    )
