"""Why packets between two pods got lost: what the kernels of both nodes would do with them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assets.pod_network import Keeper, pod_network
from kinstall.cluster import ClusterSpec
from kinstall.cluster.subnets import parse_address, subnet_around
from kinstall.verify import objects
from kinstall.verify.ground import CheckPod
from kinstall.verify.program import Call


@dataclass(frozen=True, slots=True)
class Lost:
    """A pod that got no answer from another one."""

    source: CheckPod
    target: CheckPod


def route_questions(lost: Iterable[Lost]) -> dict[str, list[str]]:
    """Node → addresses of pods whose route from there is of interest: both ways of each pair."""
    asked: dict[str, list[str]] = {}
    for pair in lost:
        for here, there in ((pair.source, pair.target), (pair.target, pair.source)):
            if there.address not in asked.setdefault(here.node, []):
                asked[here.node].append(there.address)
    return asked


def route_call(addresses: Iterable[str]) -> Call:
    """How a node sends packets to each address: `route ADDRESS TEXT` records."""
    return Call("routes", ("print_routes", *addresses))


def route_causes(spec: ClusterSpec, lost: Iterable[Lost], routes: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """Source node → why its packets, or the answers to them, are lost; `routes`: (node, address) → `ip route get`."""
    keeper = pod_network(spec).keeper
    if keeper is None:
        return {}  # whoever wrote the manifest knows the way
    causes: dict[str, list[str]] = {}
    for pair in lost:
        wrong = []
        for here, there in ((pair.source, pair.target), (pair.target, pair.source)):
            hop, route = _hop(spec, keeper, there), routes.get((here.node, there.address), "")
            if route and f"via {hop} " not in f"{route} ":
                wrong.append(
                    f"{here.node} has no route to the pods of {there.node} via {hop} (its kernel says: {_route(route)})"
                )
        if not wrong and (pair.source.node, pair.target.address) in routes:
            wrong.append(
                f"the routes of {pair.source.node} and {pair.target.node} are right, so a packet filter drops it"
            )
        mine = causes.setdefault(pair.source.node, [])
        mine += [each for each in wrong if each not in mine]
    return {node: "; ".join(said) for node, said in causes.items() if said}


def _hop(spec: ClusterSpec, keeper: Keeper, pod: CheckPod) -> str:
    """The gateway of the route to a pod."""
    pods = subnet_around(parse_address(pod.address), spec.networking.node_cidr_mask_size)
    return keeper.hop(spec.node(pod.node).internal_ip, str(pods))


def _route(text: str) -> str:
    return objects.flat(text.partition("\\")[0].partition(" src ")[0], 120)
