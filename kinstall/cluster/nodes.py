"""The machines of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.cluster.access import NodeSsh
from kinstall.cluster.components import OwnComponents, WorkerComponents
from kinstall.cluster.fields import answer


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
class Role:
    """What the nodes of one role have in common; a node's own answers go over it."""

    labels: dict[str, str] = answer("labels of their Node objects", guide=(39,), since="0.2", default_factory=dict)
    taints: tuple[Taint, ...] | None = answer(
        "taints of their Node objects; left out: control planes take no pods of their own",
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

    name: str = answer("the Node object's name (RFC 1123)")
    address: str = answer("IPv4 address for SSH, and for everything else where there is no nodeIP", guide=(42,))
    node_ip: str = answer(
        "the one of the node's IPv4 addresses that its peers, the API and the kubelet (--node-ip) use; left out: "
        "address",
        key="nodeIP",
        guide=(42,),
        since="0.2",
        default="",
    )
    role: str = answer("what runs there", choices=(CONTROL_PLANE, WORKER))
    host_key: str = answer("SHA256: fingerprint of the SSH host key", default="")
    labels: dict[str, str] = answer("labels of the Node object", guide=(39,), default_factory=dict)
    taints: tuple[Taint, ...] | None = answer("taints of the Node object; left out: those of its role", default=None)
    ssh: NodeSsh = answer("what is otherwise than in ssh", default_factory=NodeSsh)
    components: OwnComponents = answer(
        "overrides per component, over those of its role and of all nodes", since="0.2", default_factory=OwnComponents
    )
    pod_cidr: str = answer(
        "the node's own pod range; left out: the next free one", guide=(29,), key="podCIDR", default=""
    )

    @property
    def is_control_plane(self) -> bool:
        return self.role == CONTROL_PLANE

    @property
    def internal_ip(self) -> str:
        """What everything but SSH reaches it under: the Node object's InternalIP."""
        return self.node_ip or self.address

    @property
    def internal_ip_key(self) -> str:
        """The key of the answers that says it."""
        return "nodeIP" if self.node_ip else "address"
