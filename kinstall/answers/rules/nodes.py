"""The machines: names, addresses, roles, labels and taints."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.answers.fields import Path, written
from kinstall.answers.rules import formats
from kinstall.answers.rules.view import Rule, View, problem_at
from kinstall.cluster import CONTROL_PLANE, CONTROL_PLANE_TAINT, WORKER, Node, Taint
from kinstall.findings import Problem

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


def names(view: View) -> Iterator[Problem]:
    names: dict[str, str] = {}
    for path, node in view.nodes():
        if view.intact(f"{path}.name"):
            yield from problem_at(f"{path}.name", formats.dns_name(node.name, HOSTNAME_LABEL_LIMIT))
            if node.name in names:
                yield Problem(f"{path}.name", f"{node.name} is {names[node.name]}'s name too", "name each node once")
            names.setdefault(node.name, path)
            yield from problem_at(f"{path}.name", _of_something_else(node, view))


def _of_something_else(node: Node, view: View) -> formats.Complaint | None:
    """A node gets a certificate of its name: of the API's names, it would let a worker be taken for the API."""
    spec = view.spec
    domain = spec.networking.dns_domain
    if node.name in ("localhost", "kubernetes", "kubernetes.default") or node.name.endswith((".svc", f".{domain}")):
        return f"{node.name} is a name of the cluster's own", "give the machine another name"
    if node.name in (spec.control_plane_endpoint.partition(":")[0], *spec.security.extra_sans) and node.role == WORKER:
        return f"{node.name} is a name of the API, and this is a worker", "give the machine another name"
    return None


def addresses(view: View) -> Iterator[Problem]:
    """Each node has its own address for its peers. For SSH, several may share one, on different ports."""
    peers: dict[str, str] = {}
    logins: dict[tuple[str, int, tuple[tuple[str, int], ...]], str] = {}
    for path, node in view.nodes():
        if view.intact(f"{path}.address"):
            yield from problem_at(f"{path}.address", formats.node_address(node.address))
        if node.node_ip and view.intact(f"{path}.nodeIP"):
            yield from problem_at(f"{path}.nodeIP", formats.node_address(node.node_ip))
        place, ssh = f"{path}.{node.internal_ip_key}", view.spec.ssh_of(node)
        login = (node.address, ssh.port, tuple((jump.address, jump.port) for jump in ssh.jumps))
        if not view.intact(place):
            continue
        if node.internal_ip in peers:
            message = f"{node.internal_ip} is {peers[node.internal_ip]}'s address too"
            yield Problem(place, message, "give each node its own")
        elif login in logins and view.intact(f"{path}.address", f"{path}.ssh", "ssh"):
            message = f"{node.address} with port {ssh.port} is {logins[login]}'s login too"
            yield Problem(f"{path}.address", message, "nodes behind one address need different ssh.port")
        peers.setdefault(node.internal_ip, path)
        logins.setdefault(login, path)


def _labels_and_taints(view: View) -> Iterator[tuple[Path, str, str, dict[str, str], tuple[Taint, ...] | None]]:
    """(place, role, whose, labels, taints) of roles and nodes."""
    for role, common in ((CONTROL_PLANE, view.spec.roles.control_plane), (WORKER, view.spec.roles.worker)):
        yield ("roles", role), role, f"a {role}", common.labels, common.taints
    for index, node in enumerate(view.spec.nodes):
        yield ("nodes", index), node.role, node.name, node.labels, node.taints


def labels(view: View) -> Iterator[Problem]:
    for path, role, whose, given, _ in _labels_and_taints(view):
        for key, value in given.items():
            wrong = formats.label_key(key) or formats.label_value(value) or _derived_label(key, role, whose)
            yield from problem_at(written((*path, "labels", key)), wrong)


def _derived_label(key: str, role: str, whose: str) -> formats.Complaint | None:
    """Labels that follow from something else. All others of Kubernetes' own may be given: kinstall sets labels as an
    administrator, so what NodeRestriction forbids a kubelet is no limit here."""
    if key in _SET_BY_KUBELET:
        return f"the kubelet sets {key} itself", "leave it out"
    if key == CONTROL_PLANE_TAINT.key and role != CONTROL_PLANE:
        return (
            f"{key} is for control planes, and {whose} is not one",
            f"the role decides: write role: {CONTROL_PLANE}, or leave it out",
        )
    return None


def taints(view: View) -> Iterator[Problem]:
    for path, _, _, _, given in _labels_and_taints(view):
        seen: set[tuple[str, str]] = set()
        for index, taint in enumerate(given or ()):
            place = written((*path, "taints", index))
            if not view.untouched(place):
                continue
            yield from problem_at(f"{place}.key", formats.label_key(taint.key))
            yield from problem_at(f"{place}.value", formats.label_value(taint.value))
            if (taint.key, taint.effect) in seen:
                yield Problem(place, f"{taint.key} with {taint.effect} is listed twice", "keep one of them")
            seen.add((taint.key, taint.effect))


RULES: tuple[Rule, ...] = (roles, names, addresses, labels, taints)
