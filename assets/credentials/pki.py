"""The cluster's keys and certificates as data: which there are, what they say, where they are on a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
    """What a certificate must say. `node` is empty for the operator's own; `path` (without suffix) is where the pair
    is on the node, empty where it is only embedded in a kubeconfig."""

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
