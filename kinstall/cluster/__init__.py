"""ClusterSpec: the validated description of one cluster.

Frozen records without behaviour beyond what follows from their own fields. The answers file has the same shape;
a field's key there is its name in camelCase unless its metadata says otherwise. The metadata (help, choices) is the
one declaration that the parser, the JSON Schema and the reference page read.
"""

from __future__ import annotations

from kinstall.cluster.access import JumpHost, NodeSsh, Ssh
from kinstall.cluster.cluster import API_VERSION, ClusterSpec, Preflight
from kinstall.cluster.components import (
    ComponentOverrides,
    Components,
    ConfigMap,
    ContainerdOverrides,
    Layer,
    Layered,
    NodeComponents,
    OwnComponents,
    OwnContainerd,
    WorkerComponents,
    merge_patch,
)
from kinstall.cluster.fields import answer
from kinstall.cluster.networking import Networking
from kinstall.cluster.nodes import (
    CONTROL_PLANE,
    CONTROL_PLANE_TAINT,
    WORKER,
    ControlPlaneRole,
    Node,
    Role,
    Roles,
    Taint,
)
from kinstall.cluster.security import OwnAuthorities, OwnAuthority, Security
from kinstall.cluster.sources import Downloads, Images, Mirror

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
    "ControlPlaneRole",
    "Downloads",
    "Images",
    "JumpHost",
    "Layer",
    "Layered",
    "Mirror",
    "Networking",
    "Node",
    "NodeComponents",
    "NodeSsh",
    "OwnAuthorities",
    "OwnAuthority",
    "OwnComponents",
    "OwnContainerd",
    "Preflight",
    "Role",
    "Roles",
    "Security",
    "Ssh",
    "Taint",
    "WorkerComponents",
    "answer",
    "merge_patch",
]
