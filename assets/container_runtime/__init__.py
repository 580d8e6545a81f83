"""What runs containers on the nodes: one module per container runtime, all of one shape.

To add one: a module that makes a ContainerRuntime, and a line here that chooses it.
"""

from __future__ import annotations

from assets.container_runtime import containerd
from assets.container_runtime.shape import ContainerRuntime, ImageCommands
from kinstall.cluster import ClusterSpec


def container_runtime(spec: ClusterSpec) -> ContainerRuntime:
    """The one that the answers chose; there is only one to choose yet."""
    return containerd.CONTAINER_RUNTIME


__all__ = ["ContainerRuntime", "ImageCommands", "container_runtime"]
