"""What every add-on says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assets.objects import Object
from kinstall.cluster import ClusterSpec
from kinstall.cluster.release_files import ImageRefs


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonInputs:
    """What objects follow from beside the spec. `has_resolver`: whether every host knows a name server."""

    images: ImageRefs
    has_resolver: bool


@dataclass(frozen=True, slots=True)
class Deployment:
    """A Deployment in kube-system that must have so many available replicas; its containers explain a failure."""

    name: str
    replicas: int
    containers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addon:
    """Objects that are applied once the API answers and services can be reached.

    `name`: in steps and messages. `file`: where the objects are on the first control plane.
    `images`: what every node pulls beforehand. `deployment`: what is waited for; None for nothing.
    """

    name: str
    file: str
    objects: Callable[[ClusterSpec, AddonInputs], tuple[Object, ...]]
    images: Callable[[ImageRefs], tuple[str, ...]] = lambda images: ()
    deployment: Deployment | None = None
