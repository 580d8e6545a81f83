"""What every way to the API says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assets.rendered import Rendered
from kinstall.cluster import ClusterSpec, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiEndpoint:
    """How nodes find the API. From outside of the cluster it is the spec's `endpoint` in any case.

    `from_node`: the host:port at which what runs on a node asks. `certificate_names`: what every API server's
    certificate must name for it, names and addresses. `files`: what a node needs for it.
    """

    from_node: Callable[[ClusterSpec, Node], str]
    certificate_names: Callable[[ClusterSpec], tuple[str, ...]]
    files: Callable[[ClusterSpec, Node], tuple[Rendered, ...]]
