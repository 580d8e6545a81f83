"""ClusterSpec: the validated description of one cluster.

Frozen records without behaviour beyond what follows from their own fields. The answers file has the same shape;
a field's key there is its name in camelCase unless its metadata says otherwise. The metadata (help, choices) is the
one declaration that the parser, the JSON Schema and the reference page read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, ip_address
from typing import Any

API_VERSION = "kinstall/v1"

ConfigMap = dict[str, Any]
"""Kubernetes' own configuration fields, merged over what kinstall writes (JSON merge patch, RFC 7386)."""


def answer(
    help: str,  # noqa: A002
    *,
    key: str = "",
    choices: tuple[str, ...] = (),
    secret: bool = False,
    **options: Any,
) -> Any:
    """A field with its entry for the answers file: one-line help, the key where camelCase is not it, choices.

    `secret`: someone may write a secret here although only a reference is allowed; no message repeats the value.
    """
    return field(metadata={"help": help, "key": key, "choices": choices, "secret": secret}, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Networking:
    """Address ranges and how pods and services reach one another."""

    pod_subnet: str = answer("every pod's address comes from here (IPv4 CIDR)", default="10.244.0.0/16")
    node_cidr_mask_size: int = answer("each node gets a range of this size", key="nodeCIDRMaskSize", default=24)
    service_subnet: str = answer("every service's address comes from here (IPv4 CIDR)", default="10.96.0.0/16")
    dns_domain: str = answer("the cluster's DNS domain", default="cluster.local")
    pod_network: str = answer("how pods on different nodes reach one another", choices=("routed",), default="routed")
    proxy_mode: str = answer("how kube-proxy programs services", choices=("nftables", "iptables"), default="nftables")
    mtu: int = answer("MTU of pod interfaces; 0: that of the node's interface", default=0)
    masquerade: bool = answer("pods reach the world outside under their node's address", default=True)

    @property
    def pods(self) -> IPv4Network:
        return IPv4Network(self.pod_subnet)

    @property
    def services(self) -> IPv4Network:
        return IPv4Network(self.service_subnet)

    @property
    def api_service_ip(self) -> str:
        """The `kubernetes` service's address: the first of the range."""
        return str(self.services.network_address + 1)

    @property
    def dns_service_ip(self) -> str:
        """The `kube-dns` service's address: the tenth of the range, by convention."""
        return str(self.services.network_address + 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How the API is protected."""

    mode: str = answer("how the API is protected", choices=("https",), default="https")
    key_type: str = answer("type of the keys that are made", choices=("ecdsa", "rsa"), default="ecdsa")
    extra_sans: tuple[str, ...] = answer(
        "further names and addresses in the API server's certificate", key="extraSANs", default=()
    )
    ca_days: int = answer("days a new certificate authority is valid", default=3650)
    leaf_days: int = answer("days a new certificate is valid", default=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A registry that is asked instead of another one."""

    endpoint: str = answer("URL of the mirror, with http:// or https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Where container images come from, and which."""

    image_repository: str = answer("prefix of Kubernetes' own images", default="registry.k8s.io")
    mirrors: dict[str, Mirror] = answer("registry host → mirror", default_factory=dict)
    etcd: str = answer("tag of the etcd image; empty: the release's own", default="")
    coredns: str = answer("tag of the CoreDNS image; empty: the release's own", default="")
    pause: str = answer("tag of the pause image; empty: the release's own", default="")
    agnhost: str = answer("tag of the image that verify runs", default="2.66.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """Base addresses of release sites (or mirrors of the same layout), versions, and pinned digests."""

    kubernetes: str = answer("Kubernetes' release site", default="https://dl.k8s.io")
    containerd: str = answer(
        "containerd's release site", default="https://github.com/containerd/containerd/releases/download"
    )
    runc: str = answer("runc's release site", default="https://github.com/opencontainers/runc/releases/download")
    cni_plugins: str = answer(
        "the CNI plugins' release site",
        default="https://github.com/containernetworking/plugins/releases/download",
    )
    containerd_version: str = answer("empty: the release's own", default="")
    runc_version: str = answer("empty: the release's own", default="")
    cni_plugins_version: str = answer("empty: the release's own", default="")
    sha256: dict[str, str] = answer(
        "file name (kubelet, containerd-2.4.2-linux-amd64.tar.gz …; arm64/kubelet where architectures differ) → pinned "
        "SHA-256; without it the digest is read over TLS from the release site",
        default_factory=dict,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """How nodes are logged in to. Secrets are references: `env:NAME`, `file:PATH`, `prompt:`."""

    user: str = answer("login name", default="root")
    port: int = answer("TCP port", default=22)
    identity_file: str = answer("path of the private key; empty: the agent's keys", secret=True, default="")
    passphrase: str = answer("reference to the key's passphrase", secret=True, default="")
    password: str = answer("reference to the login password", secret=True, default="")
    sudo_password: str = answer(
        "reference to sudo's password; empty: the login password if there is one", secret=True, default=""
    )
    proxy_jump: str = answer("[user@]host[:port] to go through", default="")
    proxy_jump_host_key: str = answer("SHA256: fingerprint of the jump host", default="")
    connect_timeout: int = answer("seconds until a node that does not answer is given up", default=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSsh:
    """What one node says otherwise; `None` takes the value of `ssh`."""

    user: str | None = answer("login name", default=None)
    port: int | None = answer("TCP port", default=None)
    identity_file: str | None = answer("path of the private key", secret=True, default=None)
    passphrase: str | None = answer("reference to the key's passphrase", secret=True, default=None)
    password: str | None = answer("reference to the login password", secret=True, default=None)
    sudo_password: str | None = answer("reference to sudo's password", secret=True, default=None)
    proxy_jump: str | None = answer("[user@]host[:port] to go through", default=None)
    proxy_jump_host_key: str | None = answer("SHA256: fingerprint of the jump host", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentOverrides:
    """Kubernetes' own fields over what kinstall writes, for one component."""

    config: ConfigMap = answer("fields of the component's configuration file", default_factory=dict)
    extra_args: dict[str, str] = answer("further command line flags, without dashes", default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerdOverrides:
    """containerd's settings that hosts may need otherwise."""

    systemd_cgroup: bool = answer("the systemd cgroup driver", default=True)
    restrict_oom_score_adj: bool = answer("for hosts that may not lower the OOM score", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Overrides per component."""

    kubelet: ComponentOverrides = answer("the kubelet", default_factory=ComponentOverrides)
    kube_proxy: ComponentOverrides = answer("kube-proxy", default_factory=ComponentOverrides)
    kube_apiserver: ComponentOverrides = answer("the API server", default_factory=ComponentOverrides)
    kube_controller_manager: ComponentOverrides = answer("the controller manager", default_factory=ComponentOverrides)
    kube_scheduler: ComponentOverrides = answer("the scheduler", default_factory=ComponentOverrides)
    etcd: ComponentOverrides = answer("etcd", default_factory=ComponentOverrides)
    containerd: ContainerdOverrides = answer("containerd", default_factory=ContainerdOverrides)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A taint as Kubernetes writes it."""

    key: str = answer("taint key")
    effect: str = answer("taint effect", choices=("NoSchedule", "PreferNoSchedule", "NoExecute"))
    value: str = answer("taint value", default="")


CONTROL_PLANE = "control-plane"
WORKER = "worker"
CONTROL_PLANE_TAINT = Taint(key="node-role.kubernetes.io/control-plane", effect="NoSchedule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine of the cluster."""

    name: str = answer("the Node object's name (RFC 1123)")
    address: str = answer("the node's IPv4 address, reached by its peers and by SSH")
    role: str = answer("what runs there", choices=(CONTROL_PLANE, WORKER))
    host_key: str = answer("SHA256: fingerprint of the SSH host key", default="")
    labels: dict[str, str] = answer("labels of the Node object", default_factory=dict)
    taints: tuple[Taint, ...] | None = answer(
        "taints of the Node object; left out: control planes take no pods of their own", default=None
    )
    ssh: NodeSsh = answer("what is otherwise than in ssh", default_factory=NodeSsh)
    pod_cidr: str = answer("the node's own pod range; left out: the next free one", key="podCIDR", default="")

    @property
    def is_control_plane(self) -> bool:
        return self.role == CONTROL_PLANE

    @property
    def effective_taints(self) -> tuple[Taint, ...]:
        if self.taints is not None:
            return self.taints
        return (CONTROL_PLANE_TAINT,) if self.is_control_plane else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Checks an operator may relax knowingly."""

    ignore: tuple[str, ...] = answer("names of checks whose errors become warnings", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """Everything kinstall needs to know about one cluster."""

    api_version: str = answer("format of this file", choices=(API_VERSION,), default=API_VERSION)
    kubernetes_version: str = answer("the Kubernetes release", default="1.37.2")
    cluster_name: str = answer("short name, unique among your clusters", default="kubernetes")
    control_plane_endpoint: str = answer(
        "host:port under which the API is reached; left out: the first control plane's address and 6443", default=""
    )
    networking: Networking = answer("address ranges", default_factory=Networking)
    security: Security = answer("how the API is protected", default_factory=Security)
    images: Images = answer("container images", default_factory=Images)
    downloads: Downloads = answer("release files", default_factory=Downloads)
    ssh: Ssh = answer("login for all nodes", default_factory=Ssh)
    preflight: Preflight = answer("checks before anything is changed", default_factory=Preflight)
    components: Components = answer("overrides per component", default_factory=Components)
    nodes: tuple[Node, ...] = answer("the machines")

    @property
    def control_planes(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.is_control_plane)

    @property
    def workers(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if not node.is_control_plane)

    @property
    def endpoint_host(self) -> str:
        return self._endpoint[0]

    @property
    def endpoint(self) -> str:
        """host:port as a URL's authority."""
        return "{}:{}".format(*self._endpoint)

    @property
    def _endpoint(self) -> tuple[str, int]:
        if not self.control_plane_endpoint:
            return self.control_planes[0].address, 6443
        host, _, port = self.control_plane_endpoint.partition(":")
        return host, int(port or 6443)

    def node(self, name: str) -> Node:
        """The node of that name; KeyError where there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def ssh_of(self, node: Node) -> Ssh:
        """The node's login: the cluster's, with what the node says otherwise."""
        own = {f.name: getattr(node.ssh, f.name) for f in fields(NodeSsh)}
        base = {f.name: getattr(self.ssh, f.name) for f in fields(Ssh)}
        return Ssh(**{**base, **{key: value for key, value in own.items() if value is not None}})


def is_address(text: str) -> bool:
    """Whether `text` is an IP address (and not a name)."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


__all__ = [
    "API_VERSION",
    "CONTROL_PLANE",
    "CONTROL_PLANE_TAINT",
    "WORKER",
    "ClusterSpec",
    "ComponentOverrides",
    "Components",
    "ConfigMap",
    "ContainerdOverrides",
    "Downloads",
    "Images",
    "Mirror",
    "Networking",
    "Node",
    "NodeSsh",
    "Preflight",
    "Security",
    "Ssh",
    "Taint",
    "answer",
    "is_address",
]
