"""Overrides of Kubernetes' own flags and fields: what kinstall sets itself, and what no longer exists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kinstall.findings import Problem
from kinstall.keys import written
from kinstall.releases import known_versions, release
from kinstall.rules.owned import OWNED
from kinstall.rules.view import Rule, View
from kinstall.spec import ComponentOverrides

_FLAG = re.compile(r"[A-Za-z][A-Za-z0-9.-]*")
_WITH_CONFIGURATION = ("kubelet", "kubeProxy")


def _overrides(view: View) -> dict[str, ComponentOverrides]:
    """The key in `components` → its overrides."""
    parts = view.spec.components
    return {
        "kubelet": parts.kubelet,
        "kubeProxy": parts.kube_proxy,
        "kubeApiserver": parts.kube_apiserver,
        "kubeControllerManager": parts.kube_controller_manager,
        "kubeScheduler": parts.kube_scheduler,
        "etcd": parts.etcd,
    }


def flags(view: View) -> Iterator[Problem]:
    # Where the release cannot be read, the newest one's list is still right about nearly everything.
    removed = (view.release or release(known_versions()[0])).removed_flags
    for component, overrides in _overrides(view).items():
        for flag in overrides.extra_args:
            path = written(("components", component, "extraArgs", flag))
            if flag.startswith("-"):
                yield Problem(path, f"{flag} is written with dashes", f"write {flag.lstrip('-')}")
                continue
            if not _FLAG.fullmatch(flag):
                yield Problem(path, f"{flag!r} is no flag's name", "write the name as the key and the value after it")
                continue
            gone = next((each for each in removed if each.component == component and each.covers(flag)), None)
            if gone:
                yield Problem(path, f"--{flag} no longer exists", gone.instead)
            elif flag in OWNED[component]:
                yield Problem(path, f"kinstall sets --{flag} itself", OWNED[component][flag])


def configurations(view: View) -> Iterator[Problem]:
    for component, overrides in _overrides(view).items():
        path = f"components.{component}.config"
        if overrides.config and component not in _WITH_CONFIGURATION:
            yield Problem(path, f"{component} has no configuration file here", "use extraArgs")
            continue
        for key in ("apiVersion", "kind"):
            if key in overrides.config:
                yield Problem(f"{path}.{key}", "kinstall says which kind of configuration this is", "leave it out")


RULES: tuple[Rule, ...] = (flags, configurations)
