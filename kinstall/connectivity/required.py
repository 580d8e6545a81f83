"""Who has to reach whom on which port: what follows from the roles and from the pod network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from assets.pod_network import pod_network
from kinstall.cluster import ClusterSpec, Node, ports
from kinstall.facts.model import NodeFacts

TCP, UDP = "tcp", "udp"


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """`protocol` is tcp or udp, `what` listens there. `fills`: full packets may be tried there as well."""

    number: int
    protocol: str
    what: str
    fills: bool = False

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol} ({self.what})"


@dataclass(frozen=True, slots=True)
class Connection:
    """`source` and `target` are node names; `needed`: without it the cluster does not work."""

    source: str
    target: str
    port: Port
    needed: bool


def required_connections(
    spec: ClusterSpec, facts: Mapping[str, NodeFacts], new: Collection[str] | None = None
) -> tuple[Connection, ...]:
    """Everything between the nodes of `facts`; with `new` only what begins or ends at one of these."""
    nodes = [node for node in spec.nodes if node.name in facts]
    sample, chosen = _sample(facts), None if new is None else frozenset(new)
    # Looked up, not made again: a thousand nodes have a million ways between them.
    pairs = {
        (source, target): tuple(_between(spec, source, target, sample))
        for source in (True, False)
        for target in (True, False)
    }
    return tuple(
        Connection(source.name, target.name, port, needed)
        for source in nodes
        for target in nodes
        if source is not target and (chosen is None or source.name in chosen or target.name in chosen)
        for port, needed in pairs[source.is_control_plane, target.is_control_plane]
    )


def inbound(spec: ClusterSpec, node: Node) -> tuple[Port, ...]:
    """What other nodes reach on the node, but for services of type NodePort."""
    others = {other.is_control_plane for other in spec.nodes if other.name != node.name} or {False}
    every = {port for other in others for port, _ in _between(spec, other, node.is_control_plane, 0)}
    return tuple(sorted(port for port in every if port.number))


def _between(
    spec: ClusterSpec, from_control_plane: bool, to_control_plane: bool, sample: int
) -> Iterator[tuple[Port, bool]]:
    if to_control_plane:
        yield Port(ports.API_SERVER, TCP, "kube-apiserver"), True
        if from_control_plane:
            yield Port(ports.ETCD_CLIENT, TCP, "etcd"), True
            yield Port(ports.ETCD_PEER, TCP, "etcd"), True
    # Logs, exec and probes come from API servers; metrics-server may ask from anywhere.
    yield Port(ports.KUBELET, TCP, "kubelet", fills=True), from_control_plane
    yield Port(ports.KUBE_PROXY_HEALTH, TCP, "kube-proxy"), False
    yield Port(sample, TCP, "NodePort services", fills=True), False
    if udp := pod_network(spec).udp_port:
        yield Port(udp, UDP, spec.networking.pod_network), True


def _sample(facts: Mapping[str, NodeFacts]) -> int:
    """A port for NodePort services that nobody listens on."""
    taken = {listener.port for each in facts.values() for listener in each.listeners}
    return next((port for port in reversed(ports.NODE_PORTS) if port not in taken), ports.NODE_PORTS[-1])
