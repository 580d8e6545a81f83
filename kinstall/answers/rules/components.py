"""Overrides of Kubernetes' own flags and fields: what kinstall sets itself, and what no longer exists.

The same holds in every place: for all nodes, for a role, for one node.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kinstall.answers.fields import Path, keys_of, written
from kinstall.answers.rules.owned_flags import owned_flags, unseen_file
from kinstall.answers.rules.view import Rule, View
from kinstall.cluster import ComponentOverrides, Components, WorkerComponents
from kinstall.cluster.pod_ranges import pods_in_node_range
from kinstall.cluster.releases import known_versions, release
from kinstall.cluster.subnets import split_count
from kinstall.findings import Problem

_FLAG = re.compile(r"[A-Za-z][A-Za-z0-9.-]*")
_WITH_CONFIGURATION = ("kubelet", "kubeProxy")


def _places(view: View) -> Iterator[tuple[Path, Components | WorkerComponents]]:
    yield ("components",), view.spec.components
    yield ("roles", "control-plane", "components"), view.spec.roles.control_plane.components
    yield ("roles", "worker", "components"), view.spec.roles.worker.components
    for index, node in enumerate(view.spec.nodes):
        yield ("nodes", index, "components"), node.components


def _overrides(view: View) -> Iterator[tuple[Path, str, ComponentOverrides]]:
    """(place, component's key, its overrides), wherever there can be some."""
    for place, parts in _places(view):
        for key in keys_of(type(parts)):
            overrides = getattr(parts, key.attribute)
            if isinstance(overrides, ComponentOverrides):
                yield (*place, key.name), key.name, overrides


def flags(view: View) -> Iterator[Problem]:
    # Where the release cannot be read, the newest one's list is still right about nearly everything.
    removed = (view.release or release(known_versions()[0])).removed_flags
    for place, component, overrides in _overrides(view):
        for flag, value in overrides.extra_args.items():
            path = written((*place, "extraArgs", flag))
            if flag.startswith("-"):
                yield Problem(path, f"{flag} is written with dashes", f"write {flag.lstrip('-')}")
                continue
            if not _FLAG.fullmatch(flag):
                yield Problem(
                    path, f"{flag!r} is not the name of a flag", "write the name as the key, and the value after it"
                )
                continue
            removal = next((each for each in removed if each.component == component and each.covers(flag)), None)
            if removal:
                yield Problem(path, f"--{flag} no longer exists", removal.instead)
            elif instead := owned_flags()[component].get(flag):
                yield Problem(path, f"kinstall sets --{flag} itself", instead)
            elif unseen := unseen_file(component, flag, value):
                yield Problem(path, *unseen)


def configurations(view: View) -> Iterator[Problem]:
    for place, component, overrides in _overrides(view):
        path = written((*place, "config"))
        if overrides.config and component not in _WITH_CONFIGURATION:
            yield Problem(path, f"{component} has no configuration file", "use extraArgs")
            continue
        for key in ("apiVersion", "kind"):
            if key in overrides.config:
                yield Problem(f"{path}.{key}", "kinstall sets this itself", "remove it")


def pods_per_node(view: View) -> Iterator[Problem]:
    """maxPods where it is said; that the kubelet's own 110 do not fit into a small range is preflight's warning."""
    networking = view.spec.networking
    if not (networking.plans_ranges and view.pods and view.intact("networking.nodeCIDRMaskSize")):
        return
    if not split_count(view.pods[0], networking.node_cidr_mask_size):
        return  # said by the rules of the ranges
    room, size = pods_in_node_range(networking), networking.node_cidr_mask_size
    for place, component, overrides in _overrides(view):
        if component != "kubelet":
            continue
        for where, number in (
            (("config", "maxPods"), overrides.config.get("maxPods")),
            (("extraArgs", "max-pods"), overrides.extra_args.get("max-pods")),
        ):
            if re.fullmatch(r"[0-9]{1,9}", str(number)) and int(str(number)) > room:
                message = f"{number} pods do not fit into a node's range of /{size}, which holds {room}"
                remedy = "write a smaller number, or in a new cluster a smaller nodeCIDRMaskSize"
                yield Problem(written((*place, *where)), message, remedy)


RULES: tuple[Rule, ...] = (flags, configurations, pods_per_node)
