"""One cluster as a whole."""

from __future__ import annotations

from dataclasses import dataclass, fields

from kinstall.cluster import ports
from kinstall.cluster.access import NodeSsh, Ssh
from kinstall.cluster.check_names import CHECK_NAMES
from kinstall.cluster.components import Components, NodeComponents, layered
from kinstall.cluster.fields import answer
from kinstall.cluster.networking import Networking
from kinstall.cluster.nodes import CONTROL_PLANE_TAINT, Node, Role, Roles, Taint
from kinstall.cluster.security import Security
from kinstall.cluster.sources import Downloads, Images

API_VERSION = "kinstall/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Checks that an operator may relax knowingly."""

    ignore: tuple[str, ...] = answer("names of checks whose errors become warnings", items=CHECK_NAMES, default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """Everything kinstall needs to know about one cluster."""

    api_version: str = answer("format of this file", choices=(API_VERSION,), default=API_VERSION)
    kubernetes_version: str = answer("the Kubernetes release", guide=(10,), screen="images", default="1.37.2")
    cluster_name: str = answer(
        "short name, unique among your clusters",
        guide=(9,),
        screen="networking",
        more="The state folder with the cluster's keys and the context in your kubeconfig have this name.",
        default="kubernetes",
    )
    control_plane_endpoint: str = answer(
        "host:port of the API; default: the first control plane's nodeIP or address, and 6443",
        guide=(7,),
        screen="networking",
        label="API endpoint",
        more="For example a load balancer or your own DNS name. It is part of every certificate and kubeconfig.",
        default="",
    )
    networking: Networking = answer("address ranges", screen="networking", default_factory=Networking)
    security: Security = answer("how the API is protected", screen="security", default_factory=Security)
    images: Images = answer("container images", screen="images", default_factory=Images)
    downloads: Downloads = answer("release files", screen="images", group="Release files", default_factory=Downloads)
    ssh: Ssh = answer("login for all nodes", screen="nodes", group="Login for all nodes", default_factory=Ssh)
    preflight: Preflight = answer(
        "checks before anything is changed", screen="nodes", group="Checks", default_factory=Preflight
    )
    components: Components = answer(
        "overrides per component", screen="images", group="Components", default_factory=Components
    )
    roles: Roles = answer(
        "settings of all nodes of a role", since="0.2", screen="nodes", group="Roles", default_factory=Roles
    )
    nodes: tuple[Node, ...] = answer("the machines")

    @property
    def control_planes(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.is_control_plane)

    @property
    def first_control_plane(self) -> Node:
        """The first of the answers: its address is the endpoint where they name none. Which control plane does a job
        is another question, and depends on which of them are there."""
        return next(node for node in self.nodes if node.is_control_plane)

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
            return self.first_control_plane.internal_ip, ports.API_SERVER
        host, _, port = self.control_plane_endpoint.partition(":")
        return host, int(port or ports.API_SERVER)

    def node(self, name: str) -> Node:
        """The node of that name; KeyError where there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def role_of(self, node: Node) -> Role:
        return self.roles.control_plane if node.is_control_plane else self.roles.worker

    def labels_of(self, node: Node) -> dict[str, str]:
        """The answers' labels in the order of their names: the role's with the node's own over them."""
        return dict(sorted({**self.role_of(node).labels, **node.labels}.items()))

    def taints_of(self, node: Node) -> tuple[Taint, ...]:
        """The wanted taints: the node's own list, or its role's, or the one that keeps pods off a control plane."""
        for taints in (node.taints, self.role_of(node).taints):
            if taints is not None:
                return taints
        return (CONTROL_PLANE_TAINT,) if node.is_control_plane else ()

    def components_of(self, node: Node) -> NodeComponents:
        """The overrides that apply to the node."""
        return layered(self.components, self.role_of(node).components, node.components)

    def ssh_of(self, node: Node) -> Ssh:
        """The node's login: the cluster's, with the node's own overrides."""
        own = {f.name: getattr(node.ssh, f.name) for f in fields(NodeSsh)}
        base = {f.name: getattr(self.ssh, f.name) for f in fields(Ssh)}
        return Ssh(**{**base, **{key: value for key, value in own.items() if value is not None}})
