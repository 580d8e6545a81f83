"""The machines of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.cluster.access import NodeSsh
from kinstall.cluster.components import OwnComponents, WorkerComponents
from kinstall.cluster.fields import When, answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A taint as Kubernetes writes it."""

    key: str = answer("taint key")
    effect: str = answer(
        "taint effect",
        choices={
            "NoSchedule": "no new pods without a matching toleration",
            "PreferNoSchedule": "new pods only where there is no room elsewhere",
            "NoExecute": "no new pods, and those that run there are evicted",
        },
    )
    value: str = answer("taint value", default="")


CONTROL_PLANE = "control-plane"
WORKER = "worker"
CONTROL_PLANE_TAINT = Taint(key="node-role.kubernetes.io/control-plane", effect="NoSchedule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Settings of all nodes of one role; a node's own answers override them."""

    labels: dict[str, str] = answer("labels of their Node objects", guide=(39,), since="0.2", default_factory=dict)
    taints: tuple[Taint, ...] | None = answer(
        "taints of their Node objects; default: a taint that keeps ordinary pods off control planes",
        since="0.2",
        default=None,
    )
    components: WorkerComponents = answer(
        "overrides per component, over those of all nodes", since="0.2", default_factory=WorkerComponents
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlaneRole(Role):
    """The same for control planes."""

    components: OwnComponents = answer(
        "overrides per component, over those of all nodes", since="0.2", default_factory=OwnComponents
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The roles, by their names."""

    control_plane: ControlPlaneRole = answer(
        "the control planes", key=CONTROL_PLANE, since="0.2", default_factory=ControlPlaneRole
    )
    worker: Role = answer("the workers", since="0.2", default_factory=Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine of the cluster."""

    name: str = answer("the Node object's name (lower-case letters, digits, dashes, dots)")
    address: str = answer("IPv4 address for SSH, and for everything else without nodeIP", guide=(42,))
    node_ip: str = answer(
        "IPv4 address of the node that its peers, the API and the kubelet (--node-ip) use; default: address",
        key="nodeIP",
        guide=(42,),
        since="0.2",
        default="",
    )
    role: str = answer(
        "what runs there",
        choices={
            CONTROL_PLANE: "the API, the scheduler and etcd; by default no ordinary pods",
            WORKER: "what you run: ordinary pods",
        },
    )
    host_key: str = answer("SHA256: fingerprint of the SSH host key", default="")
    labels: dict[str, str] = answer("labels of the Node object", guide=(39,), default_factory=dict)
    taints: tuple[Taint, ...] | None = answer("taints of the Node object; default: those of its role", default=None)
    ssh: NodeSsh = answer("overrides of ssh for this node", default_factory=NodeSsh)
    components: OwnComponents = answer(
        "overrides per component, over those of its role and of all nodes", since="0.2", default_factory=OwnComponents
    )
    pod_cidr: str = answer(
        "the node's own pod range; default: the next free one",
        guide=(29,),
        key="podCIDR",
        when=When(
            "networking.podNetwork",
            ("routed", "overlay"),
            "with podNetwork manifest the cluster gives each node its range",
        ),
        default="",
    )

    @property
    def is_control_plane(self) -> bool:
        return self.role == CONTROL_PLANE

    @property
    def internal_ip(self) -> str:
        """Its address for everything but SSH: the Node object's InternalIP."""
        return self.node_ip or self.address

    @property
    def internal_ip_key(self) -> str:
        """The key in the answers that holds it."""
        return "nodeIP" if self.node_ip else "address"
