"""Every preflight check, one module per concern. `kinstall/preflight/check.py` says how to write one."""

from __future__ import annotations

from kinstall.cluster.check_names import CHECK_NAMES
from kinstall.preflight.check import Check, ClusterView, NodeView
from kinstall.preflight.checks import cluster_wide, connectivity, machine, network, outside, software, storage


def _position(each: Check[NodeView]) -> int:
    return CHECK_NAMES.index(each.name)


NODE_CHECKS: tuple[Check[NodeView], ...] = tuple(
    sorted((*machine.CHECKS, *storage.CHECKS, *software.CHECKS, *network.CHECKS, *outside.CHECKS), key=_position)
)
CLUSTER_CHECKS: tuple[Check[ClusterView], ...] = cluster_wide.CHECKS
PEER_CHECKS: tuple[Check[ClusterView], ...] = connectivity.CHECKS
"""Of the matrix of nodes, which is only tried once facts are there."""
