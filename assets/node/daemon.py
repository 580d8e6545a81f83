"""What each of Kubernetes' programs that systemd runs on every node says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assets import units
from assets.credentials.pki import ClusterPki, LeafRequest
from assets.flags import Flag, merged
from assets.inputs import NodeInputs
from assets.rendered import Rendered
from kinstall.cluster import ClusterSpec, Layered, Node, NodeComponents


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A unit on every node: everything that there is to know of it, in one module.

    `name`: its program's. `key`: its name below `components` in the answers. `flags`: kinstall's own.
    `owned_flags`: those that the answers may not set → what to do instead.
    `ports`: all that it listens on. `certificates`: its own. `kubeconfig`: what it talks to the API with.
    `files`: what else it needs, its unit among them. `restarts_with`: the paths of what it reads only when it starts.
    """

    name: str
    key: str
    unit: str
    program: str
    overrides: Callable[[NodeComponents], Layered]
    flags: Callable[[Node], tuple[Flag, ...]]
    owned_flags: Mapping[str, str]
    ports: tuple[int, ...]
    certificates: Callable[[ClusterSpec, Node], tuple[LeafRequest, ...]]
    kubeconfig: Callable[[ClusterSpec, Node, ClusterPki], Rendered]
    files: Callable[[ClusterSpec, Node, NodeInputs], tuple[Rendered, ...]]
    restarts_with: tuple[str, ...]

    def all_flags(self, spec: ClusterSpec, node: Node) -> tuple[Flag, ...]:
        """Its flags on that node, the answers' among them."""
        return merged(self.flags(node), self.overrides(spec.components_of(node)))

    def command_line(self, spec: ClusterSpec, node: Node) -> str:
        """As the unit's ExecStart= takes it."""
        return units.command_line((self.program, *map(str, self.all_flags(spec, node))))
