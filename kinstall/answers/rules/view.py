"""A spec together with what in it is valid: rules look here before they compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from kinstall.answers.fields import all_enclosing, lies_in
from kinstall.answers.rules.formats import Complaint, cidr
from kinstall.cluster import ClusterSpec, Node, releases
from kinstall.cluster.releases import Release
from kinstall.cluster.subnets import Range, host_range, parse_ranges
from kinstall.findings import Problem


@dataclass(frozen=True, slots=True)
class View:
    spec: ClusterSpec
    broken: frozenset[str]

    def intact(self, *paths: str) -> bool:
        """Whether nothing at these places or around them is a placeholder."""
        return not any(lies_in(path, self.broken) for path in paths)

    def untouched(self, path: str) -> bool:
        """Whether nothing at `path`, around it or below it is a placeholder."""
        return self.intact(path) and path not in _around(self.broken)

    def nodes(self) -> Iterator[tuple[str, Node]]:
        """The nodes with their paths."""
        for index, node in enumerate(self.spec.nodes):
            yield f"nodes[{index}]", node

    @property
    def pods(self) -> tuple[Range, ...]:
        """podSubnet, a range for each family; empty where it is not valid."""
        return self._ranges("networking.podSubnet", self.spec.networking.pod_subnet)

    @property
    def services(self) -> tuple[Range, ...]:
        """serviceSubnet, a range for each family; empty where it is not valid."""
        return self._ranges("networking.serviceSubnet", self.spec.networking.service_subnet)

    def addresses(self) -> Iterator[tuple[str, str, Range]]:
        """(path of the address, the node's name, the address as a range of one) of all nodes where it is one."""
        for path, node in self.nodes():
            for key, text in (("address", node.address), ("nodeIP", node.node_ip)):
                network = host_range(text)
                if network and self.intact(f"{path}.{key}"):
                    yield f"{path}.{key}", node.name, network

    @property
    def release(self) -> Release | None:
        """The release, where it is a supported one."""
        version = self.spec.kubernetes_version
        if not self.intact("kubernetesVersion") or any(releases.complaint(version)):
            return None
        return releases.release(version)

    @property
    def ranges(self) -> tuple[tuple[str, Range], ...]:
        """(key, range) of all pods' and services' ranges that are valid."""
        return (
            *(("podSubnet", each) for each in self.pods),
            *(("serviceSubnet", each) for each in self.services),
        )

    def _ranges(self, path: str, text: str) -> tuple[Range, ...]:
        return parse_ranges(text) if self.intact(path) and not cidr(text) else ()


@lru_cache(maxsize=4)
def _around(places: frozenset[str]) -> frozenset[str]:
    """All places that have one of these inside them."""
    return frozenset(outer for place in places for outer in all_enclosing(place))


Rule = Callable[[View], Iterable[Problem]]


def problem_at(path: str, complaint: Complaint | None) -> Iterator[Problem]:
    """The complaint about the place as a problem, if there is one."""
    if complaint:
        yield Problem(path, *complaint)


def between(path: str, value: int, low: int, high: int, why: str = "") -> Iterator[Problem]:
    """A number outside low..high, as a problem."""
    if not low <= value <= high:
        yield Problem(path, f"{value} is out of range" + (f": {why}" if why else ""), f"write {low} to {high}")
