"""Overrides of what kinstall writes for Kubernetes' components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kinstall.spec.fields import answer

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

    systemd_cgroup: bool = answer("the systemd cgroup driver", default=True)
    restrict_oom_score_adj: bool = answer("for hosts that may not lower the OOM score", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Overrides per component."""

    kubelet: ComponentOverrides = answer("the kubelet", guide=(26,), default_factory=ComponentOverrides)
    kube_proxy: ComponentOverrides = answer("kube-proxy", guide=(27,), default_factory=ComponentOverrides)
    kube_apiserver: ComponentOverrides = answer("the API server", guide=(35,), default_factory=ComponentOverrides)
    kube_controller_manager: ComponentOverrides = answer(
        "the controller manager", guide=(36,), default_factory=ComponentOverrides
    )
    kube_scheduler: ComponentOverrides = answer("the scheduler", guide=(36,), default_factory=ComponentOverrides)
    etcd: ComponentOverrides = answer("etcd", guide=(33,), default_factory=ComponentOverrides)
    containerd: ContainerdOverrides = answer("containerd", guide=(23,), default_factory=ContainerdOverrides)
