"""Overrides of what kinstall writes for Kubernetes' components: of all nodes, of a role, of one node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any

from kinstall.cluster.fields import answer

ConfigMap = dict[str, Any]
"""Kubernetes' own configuration fields, merged over what kinstall writes (JSON merge patch, RFC 7386)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentOverrides:
    """Kubernetes' own fields over what kinstall writes, for one component."""

    config: ConfigMap = answer("fields of the component's configuration file", default_factory=dict)
    extra_args: dict[str, str] = answer("further command line flags, without dashes", default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerdOverrides:
    """containerd's settings that hosts may need otherwise."""

    systemd_cgroup: bool = answer("the systemd cgroup driver", label="Systemd cgroups", default=True)
    restrict_oom_score_adj: bool = answer(
        "for hosts that may not lower the OOM score", label="No lower OOM score", default=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnContainerd:
    """What a role's or a node's containerd has otherwise; `None` takes the value of the next more general place."""

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
        "the API server", guide=(35,), since="0.2", default_factory=ComponentOverrides
    )
    kube_controller_manager: ComponentOverrides = answer(
        "the controller manager", guide=(36,), since="0.2", default_factory=ComponentOverrides
    )
    kube_scheduler: ComponentOverrides = answer(
        "the scheduler", guide=(36,), since="0.2", default_factory=ComponentOverrides
    )
    etcd: ComponentOverrides = answer("etcd", guide=(33,), since="0.2", default_factory=ComponentOverrides)


@dataclass(frozen=True, slots=True)
class Layered:
    """One component's overrides on one node: those of all nodes, of its role, its own, each over those before it."""

    layers: tuple[ComponentOverrides, ...]

    @property
    def extra_args(self) -> dict[str, str]:
        return {flag: value for layer in self.layers for flag, value in layer.extra_args.items()}

    def over(self, config: ConfigMap) -> ConfigMap:
        """The configuration with all layers over it.

        They are applied one after the other: put together first, a `null` that shall remove a field would be lost.
        """
        return reduce(merge_patch, (layer.config for layer in self.layers), config)


@dataclass(frozen=True, slots=True)
class NodeComponents:
    """What holds on one node."""

    kubelet: Layered
    kube_proxy: Layered
    kube_apiserver: Layered
    kube_controller_manager: Layered
    kube_scheduler: Layered
    etcd: Layered
    containerd: ContainerdOverrides


def layered(cluster: Components, *own: WorkerComponents) -> NodeComponents:
    """The cluster's overrides with `own`, from general to special, over them."""
    every: tuple[Components | WorkerComponents, ...] = (cluster, *own)
    planes: tuple[Components | OwnComponents, ...] = (
        cluster,
        *(each for each in own if isinstance(each, OwnComponents)),
    )
    containerd = cluster.containerd
    for each in own:
        told = {field.name: getattr(each.containerd, field.name) for field in fields(each.containerd)}
        containerd = replace(containerd, **{name: value for name, value in told.items() if value is not None})
    return NodeComponents(
        kubelet=Layered(tuple(each.kubelet for each in every)),
        kube_proxy=Layered(tuple(each.kube_proxy for each in every)),
        kube_apiserver=Layered(tuple(each.kube_apiserver for each in planes)),
        kube_controller_manager=Layered(tuple(each.kube_controller_manager for each in planes)),
        kube_scheduler=Layered(tuple(each.kube_scheduler for each in planes)),
        etcd=Layered(tuple(each.etcd for each in planes)),
        containerd=containerd,
    )


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` with `patch` merged over it as RFC 7386 says: maps merge, null removes, everything else replaces.

    What the patch adds comes in the order of its names: in which order somebody wrote it changes no file.
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
