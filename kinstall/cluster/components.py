"""Overrides of what kinstall writes for Kubernetes' components: of all nodes, of a role, of one node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import reduce
from typing import Any

from kinstall.cluster.fields import When, answer

ConfigMap = dict[str, Any]
"""Kubernetes' own configuration fields, merged over what kinstall writes (JSON merge patch, RFC 7386)."""


def _on_control_planes(component: str) -> When:
    return When("role", ("control-plane",), f"a worker: no {component} runs there")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentOverrides:
    """Kubernetes' own fields over what kinstall writes, for one component."""

    config: ConfigMap = answer("fields of the component's configuration file", default_factory=dict)
    extra_args: dict[str, str] = answer("further command line flags, without dashes", default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerdOverrides:
    """containerd's settings that some hosts need to be different."""

    systemd_cgroup: bool = answer("the systemd cgroup driver", label="Systemd cgroups", default=True)
    restrict_oom_score_adj: bool = answer(
        "for hosts that may not lower the OOM score", label="No lower OOM score", default=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnContainerd:
    """containerd's settings of a role or a node; `None` takes the value of the next more general place."""

    systemd_cgroup: bool | None = answer("the systemd cgroup driver", since="0.2", default=None)
    restrict_oom_score_adj: bool | None = answer(
        "for hosts that may not lower the OOM score", since="0.2", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Overrides per component, for all nodes."""

    kubelet: ComponentOverrides = answer("the kubelet", guide=(26,), default_factory=ComponentOverrides)
    kube_proxy: ComponentOverrides = answer("kube-proxy", guide=(27,), default_factory=ComponentOverrides)
    kube_apiserver: ComponentOverrides = answer("the API server", guide=(35,), default_factory=ComponentOverrides)
    kube_controller_manager: ComponentOverrides = answer(
        "the controller manager", guide=(36,), default_factory=ComponentOverrides
    )
    kube_scheduler: ComponentOverrides = answer("the scheduler", guide=(36,), default_factory=ComponentOverrides)
    etcd: ComponentOverrides = answer("etcd", guide=(33,), default_factory=ComponentOverrides)
    containerd: ContainerdOverrides = answer("containerd", guide=(23,), default_factory=ContainerdOverrides)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerComponents:
    """Overrides for what runs on every node of a role: over those of all nodes."""

    kubelet: ComponentOverrides = answer("the kubelet", guide=(26,), since="0.2", default_factory=ComponentOverrides)
    kube_proxy: ComponentOverrides = answer("kube-proxy", guide=(27,), since="0.2", default_factory=ComponentOverrides)
    containerd: OwnContainerd = answer("containerd", guide=(23,), since="0.2", default_factory=OwnContainerd)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnComponents(WorkerComponents):
    """Overrides for control planes, or for one node: over those of its role and of all nodes."""

    kube_apiserver: ComponentOverrides = answer(
        "the API server",
        guide=(35,),
        since="0.2",
        when=_on_control_planes("kubeApiserver"),
        default_factory=ComponentOverrides,
    )
    kube_controller_manager: ComponentOverrides = answer(
        "the controller manager",
        guide=(36,),
        since="0.2",
        when=_on_control_planes("kubeControllerManager"),
        default_factory=ComponentOverrides,
    )
    kube_scheduler: ComponentOverrides = answer(
        "the scheduler",
        guide=(36,),
        since="0.2",
        when=_on_control_planes("kubeScheduler"),
        default_factory=ComponentOverrides,
    )
    etcd: ComponentOverrides = answer(
        "etcd", guide=(33,), since="0.2", when=_on_control_planes("etcd"), default_factory=ComponentOverrides
    )


class Layer(StrEnum):
    """Where the answers can override a component: for all nodes, for a role, for one node."""

    CLUSTER = "cluster"
    ROLE = "role"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Layered:
    """One component's overrides on one node, from general to special: each layer goes over those before it."""

    layers: tuple[tuple[Layer, ComponentOverrides], ...]

    def over(self, config: ConfigMap) -> ConfigMap:
        """The configuration with all layers over it.

        They are applied one after the other: merged with each other first, a `null` that removes a field would be lost.
        """
        return reduce(merge_patch, (overrides.config for _, overrides in self.layers), config)


@dataclass(frozen=True, slots=True)
class NodeComponents:
    """The overrides that apply to one node."""

    kubelet: Layered
    kube_proxy: Layered
    kube_apiserver: Layered
    kube_controller_manager: Layered
    kube_scheduler: Layered
    etcd: Layered
    containerd: ContainerdOverrides


def layered(cluster: Components, role: WorkerComponents, node: WorkerComponents) -> NodeComponents:
    """The overrides of one node: the cluster's, with its role's and its own over them."""
    every: dict[Layer, Components | WorkerComponents] = {Layer.CLUSTER: cluster, Layer.ROLE: role, Layer.NODE: node}
    # The role of workers has no overrides for the control plane.
    planes = {layer: each for layer, each in every.items() if isinstance(each, (Components, OwnComponents))}
    containerd = cluster.containerd
    for each in (role, node):
        own = {field.name: getattr(each.containerd, field.name) for field in fields(each.containerd)}
        containerd = replace(containerd, **{name: value for name, value in own.items() if value is not None})
    return NodeComponents(
        kubelet=Layered(tuple((layer, each.kubelet) for layer, each in every.items())),
        kube_proxy=Layered(tuple((layer, each.kube_proxy) for layer, each in every.items())),
        kube_apiserver=Layered(tuple((layer, each.kube_apiserver) for layer, each in planes.items())),
        kube_controller_manager=Layered(tuple((layer, each.kube_controller_manager) for layer, each in planes.items())),
        kube_scheduler=Layered(tuple((layer, each.kube_scheduler) for layer, each in planes.items())),
        etcd=Layered(tuple((layer, each.etcd) for layer, each in planes.items())),
        containerd=containerd,
    )


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` with `patch` merged over it as RFC 7386 says: maps merge, null removes, everything else replaces.

    What the patch adds comes in the order of its names: the order in which it was written changes no file.
    """
    if not isinstance(patch, Mapping):
        return [_by_name(each) for each in patch] if isinstance(patch, list) else patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in sorted(patch.items(), key=str):
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _by_name(value: Any) -> Any:
    """A value with all maps in it in the order of their names."""
    if isinstance(value, Mapping):
        return {key: _by_name(below) for key, below in sorted(value.items(), key=str)}
    return [_by_name(each) for each in value] if isinstance(value, list) else value
