"""The machines: names, addresses, roles, labels and taints."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.findings import Problem
from kinstall.rules import syntax
from kinstall.rules.view import Rule, View, told
from kinstall.spec import CONTROL_PLANE

HOSTNAME_LABEL_LIMIT = 63
"""A node's name also becomes the value of its label kubernetes.io/hostname."""

_SET_BY_KUBELET = frozenset(
    f"{prefix}kubernetes.io/{name}" for prefix in ("", "beta.") for name in ("hostname", "os", "arch")
)
# What a kubelet may say about its own node (k8s.io/kubelet, pkg/apis/well_known_labels.go).
_ALLOWED = frozenset(
    {
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "node.kubernetes.io/instance-type",
        "beta.kubernetes.io/instance-type",
    }
)
_ALLOWED_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")


def roles(view: View) -> Iterator[Problem]:
    if not view.intact("nodes") or any(not view.intact(f"{path}.role") for path, _ in view.nodes()):
        return
    if not view.spec.nodes:
        yield Problem("nodes", "there is no node", "name at least one, with the role control-plane")
        return
    first, *more = [path for path, node in view.nodes() if node.is_control_plane] or [""]
    if not first:
        yield Problem("nodes", "there is no control plane", f"give one node the role {CONTROL_PLANE}")
    if more:
        yield Problem(
            f"{more[0]}.role",
            f"there are {len(more) + 1} control planes, and more than one is not supported yet",
            "make the others workers",
        )


def identities(view: View) -> Iterator[Problem]:
    names: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for path, node in view.nodes():
        if view.intact(f"{path}.name"):
            yield from told(f"{path}.name", syntax.dns_name(node.name, HOSTNAME_LABEL_LIMIT))
            if node.name in names:
                yield Problem(f"{path}.name", f"{node.name} is {names[node.name]}'s name too", "name each node once")
            names.setdefault(node.name, path)
        if view.intact(f"{path}.address"):
            yield from told(f"{path}.address", syntax.node_address(node.address))
            if node.address in addresses:
                message = f"{node.address} is {addresses[node.address]}'s address too"
                yield Problem(f"{path}.address", message, "each node has its own")
            addresses.setdefault(node.address, path)


def labels(view: View) -> Iterator[Problem]:
    for path, node in view.nodes():
        for key, value in node.labels.items():
            place = f"{path}.labels" + (f".{key}" if key.replace("-", "").isalnum() else f'["{key}"]')
            wrong = syntax.label_key(key) or syntax.label_value(value) or _restricted(key)
            yield from told(place, wrong)


def _restricted(key: str) -> syntax.Complaint | None:
    """Labels of Kubernetes' own that a node may not give itself (admission plugin NodeRestriction)."""
    if key in _SET_BY_KUBELET:
        return f"the kubelet sets {key} itself", "leave it out"
    prefix, slash, _ = key.rpartition("/")
    ours = prefix in ("kubernetes.io", "k8s.io") or prefix.endswith((".kubernetes.io", ".k8s.io"))
    if not slash or not ours or key in _ALLOWED:
        return None
    if any(prefix == allowed or prefix.endswith(f".{allowed}") for allowed in _ALLOWED_PREFIXES):
        return None
    if prefix == "node-role.kubernetes.io":
        return f"a node may not give itself the role label {key}", f"`kubectl label node NODE {key}=` can, afterwards"
    return (
        f"a node may not give itself the label {key}: NodeRestriction keeps {prefix}/ for administrators",
        "use a prefix of your own, or `kubectl label` afterwards",
    )


def taints(view: View) -> Iterator[Problem]:
    for path, node in view.nodes():
        seen: set[tuple[str, str]] = set()
        for index, taint in enumerate(node.taints or ()):
            place = f"{path}.taints[{index}]"
            if not view.untouched(place):
                continue
            yield from told(f"{place}.key", syntax.label_key(taint.key))
            yield from told(f"{place}.value", syntax.label_value(taint.value))
            if (taint.key, taint.effect) in seen:
                yield Problem(place, f"{taint.key} with {taint.effect} stands here twice", "keep one of them")
            seen.add((taint.key, taint.effect))


RULES: tuple[Rule, ...] = (roles, identities, labels, taints)
