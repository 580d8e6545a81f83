"""What every pod network says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assets.inputs import NodeInputs
from assets.rendered import Rendered
from kinstall.cluster import ClusterSpec, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """A unit on every node that keeps the way to the other nodes' pods, and the files around it.

    `files`: everything that it needs on a node. `unit_inputs` are those of them that restart the unit;
    `inputs` those that `run` is called for. `check`, `run` and `undo` are sh code: whether the way is as planned, make
    it so, take it away. `what`: the step's name. `hop`: (peer's address, peer's pod range) → the gateway of the route
    to its pods.
    """

    what: str
    files: Callable[[ClusterSpec, Node, NodeInputs], tuple[Rendered, ...]]
    unit: str
    unit_inputs: tuple[str, ...]
    inputs: tuple[str, ...]
    networkd_inputs: tuple[str, ...]
    check: str
    run: str
    undo: str
    hop: Callable[[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PodNetwork:
    """A choice of `networking.podNetwork`.

    `keeper`: None for a third-party network; then pod ranges are not planned either, and nothing is said
    about pods' interfaces. `direct`: whether nodes must be neighbours on one link. `modules`: kernel modules beyond
    those of every node. `overhead`: bytes of each packet that pods cannot have. `udp_port`: taken on every node, 0 for
    none. `links`: the cluster's own links that hold addresses of pods' range; None where only the network knows.
    """

    keeper: Keeper | None
    direct: bool
    modules: tuple[str, ...] = ()
    overhead: int = 0
    udp_port: int = 0
    links: tuple[str, ...] | None = ()
