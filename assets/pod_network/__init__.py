"""How pods on different nodes reach one another: one module per choice of `networking.podNetwork`, all of one shape.

To add one: a module that makes a PodNetwork, a line in POD_NETWORKS, and its name among the choices of the answers.
"""

from __future__ import annotations

from assets.pod_network import manifest, overlay, routed
from assets.pod_network.shape import Keeper, PodNetwork
from kinstall.cluster import ClusterSpec

POD_NETWORKS: dict[str, PodNetwork] = {
    "routed": routed.POD_NETWORK,
    "overlay": overlay.POD_NETWORK,
    "manifest": manifest.POD_NETWORK,
}


def pod_network(spec: ClusterSpec) -> PodNetwork:
    """The one that the answers chose."""
    return POD_NETWORKS[spec.networking.pod_network]


__all__ = ["POD_NETWORKS", "Keeper", "PodNetwork", "pod_network"]
