"""The machines: names, addresses, roles, labels and taints."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.findings import Problem
from kinstall.keys import written
from kinstall.rules import syntax
from kinstall.rules.view import Rule, View, told
from kinstall.spec import CONTROL_PLANE, CONTROL_PLANE_TAINT, Node

HOSTNAME_LABEL_LIMIT = 63
"""A node's name also becomes the value of its label kubernetes.io/hostname."""

_SET_BY_KUBELET = frozenset(
    f"{prefix}kubernetes.io/{name}" for prefix in ("", "beta.") for name in ("hostname", "os", "arch")
)


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
    for index, node in enumerate(view.spec.nodes):
        for key, value in node.labels.items():
            place = written(("nodes", index, "labels", key))
            wrong = syntax.label_key(key) or syntax.label_value(value) or _spoken_for(key, node)
            yield from told(place, wrong)


def _spoken_for(key: str, node: Node) -> syntax.Complaint | None:
    """Labels that follow from something else. All others of Kubernetes' own may be given: kinstall sets labels as an
    administrator, so what NodeRestriction forbids a kubelet is no limit here."""
    if key in _SET_BY_KUBELET:
        return f"the kubelet sets {key} itself", "leave it out"
    if key == CONTROL_PLANE_TAINT.key and not node.is_control_plane:
        return f"{key} says what {node.name} is not", f"the role decides: write role: {CONTROL_PLANE}, or leave it out"
    return None


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
