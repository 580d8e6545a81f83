"""What is known of the cluster that nodes belong to already: with the nodes' facts, what a plan follows from. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kinstall.cluster import ClusterSpec, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node that kinstall set up. `version` is Kubernetes's. All are "" where they are not known."""

    address: str = ""
    version: str = ""
    pod_cidr: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingCluster:
    """Empty where there is no cluster yet, and where nobody asked.

    `members`: node name → what its record, the state folder or the API knows of it. `etcd_members`: names of the nodes
    that run etcd. `answering`: nodes that answered in this run. `taints`: node name → those that kinstall has set,
    each as KEY=VALUE:EFFECT.
    """

    members: Mapping[str, Member] = field(default_factory=dict)
    etcd_members: frozenset[str] = frozenset()
    answering: frozenset[str] = frozenset()
    taints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def leader(spec: ClusterSpec, cluster: LivingCluster, leaving: Collection[str] = ()) -> Node | None:
    """The control plane that does what is done once for the whole cluster; None where all of them are `leaving`.

    One that belongs to the cluster and answers: on any other there is no API server yet, or nobody to ask it. Then one
    that answers, where a new cluster begins. Of several the first in the answers, so that each run takes the same.
    """
    staying = [node for node in spec.control_planes if node.name not in leaving]

    def rank(node: Node) -> tuple[bool, bool]:
        return node.name not in cluster.answering, node.name not in cluster.members

    return min(staying, key=rank, default=None)
