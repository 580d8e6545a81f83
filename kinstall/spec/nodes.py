"""The machines of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.spec.access import NodeSsh
from kinstall.spec.fields import answer


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
    address: str = answer("the node's IPv4 address, reached by its peers and by SSH", guide=(42,))
    role: str = answer("what runs there", choices=(CONTROL_PLANE, WORKER))
    host_key: str = answer("SHA256: fingerprint of the SSH host key", default="")
    labels: dict[str, str] = answer("labels of the Node object", guide=(39,), default_factory=dict)
    taints: tuple[Taint, ...] | None = answer(
        "taints of the Node object; left out: control planes take no pods of their own", default=None
    )
    ssh: NodeSsh = answer("what is otherwise than in ssh", default_factory=NodeSsh)
    pod_cidr: str = answer(
        "the node's own pod range; left out: the next free one", guide=(29,), key="podCIDR", default=""
    )

    @property
    def is_control_plane(self) -> bool:
        return self.role == CONTROL_PLANE

    @property
    def effective_taints(self) -> tuple[Taint, ...]:
        if self.taints is not None:
            return self.taints
        return (CONTROL_PLANE_TAINT,) if self.is_control_plane else ()
