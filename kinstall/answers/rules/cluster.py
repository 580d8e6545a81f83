"""The cluster as a whole: release, names, endpoint, certificates."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.answers.rules import formats
from kinstall.answers.rules.view import Rule, View, between, problem_at
from kinstall.cluster import ports, releases
from kinstall.cluster.check_names import CHECK_NAMES
from kinstall.cluster.subnets import host_range
from kinstall.findings import Problem
from kinstall.wording import nearest

_MAX_DAYS = 36500
_MOST_SUGGESTIONS = 100
"""Looking for what may have been meant takes a millisecond each."""


def version(view: View) -> Iterator[Problem]:
    what, remedy = releases.complaint(view.spec.kubernetes_version)
    if what:
        yield Problem("kubernetesVersion", what, remedy)


def names(view: View) -> Iterator[Problem]:
    yield from problem_at("clusterName", formats.dns_label(view.spec.cluster_name))
    yield from problem_at("networking.dnsDomain", formats.dns_name(view.spec.networking.dns_domain))


def endpoint(view: View) -> Iterator[Problem]:
    path, text = "controlPlaneEndpoint", view.spec.control_plane_endpoint
    if not text:
        return
    wrong = formats.host_port(text)
    yield from problem_at(path, wrong)
    if wrong:
        return
    name = text.partition(":")[0]
    host = host_range(name)
    if not host:
        yield from problem_at(path, _of_one_machine(name, view.spec.networking.dns_domain))
        return
    for place, network in view.ranges:
        if host.overlaps(network):
            yield Problem(path, f"{text} is inside {place} {network}", "the API needs an address outside of it")
    port = int(text.partition(":")[2])
    for index, node in enumerate(view.spec.nodes):
        if host_range(node.internal_ip) != host:
            continue
        if node.is_control_plane and port != ports.API_SERVER:
            remedy = f"write {node.internal_ip}:{ports.API_SERVER}"
            yield Problem(path, f"{node.name}'s API server listens on {ports.API_SERVER}", remedy)
        if not node.is_control_plane and view.intact(f"nodes[{index}].role"):
            yield Problem(
                path, f"{text} is {node.name}'s address, and {node.name} is a worker", "name a control plane's"
            )


def _of_one_machine(name: str, dns_domain: str) -> formats.Complaint | None:
    """Names that lead somewhere else on every node, or nowhere."""
    if name.partition(".")[0] in ("localhost", "ip4-localhost", "ip6-localhost") or name.endswith(".localhost"):
        return f"{name} is each node itself", "write a name or an address that leads all nodes to the control plane"
    if name.endswith((".svc", f".{dns_domain}")):
        return f"{name} is known only inside the cluster", "write a name that the nodes can look up"
    return None


def certificates(view: View) -> Iterator[Problem]:
    security = view.spec.security
    for index, name in enumerate(security.extra_sans):
        yield from problem_at(f"security.extraSANs[{index}]", formats.san(name))
    yield from between("security.caDays", security.ca_days, 1, _MAX_DAYS)
    leaf = list(between("security.leafDays", security.leaf_days, 1, _MAX_DAYS))
    yield from leaf
    if not leaf and security.leaf_days > security.ca_days > 0 and view.intact("security.caDays"):
        yield Problem(
            "security.leafDays",
            f"{security.leaf_days} days is longer than the CA that signs is valid ({security.ca_days} days)",
            "make it shorter, or caDays longer",
        )


def ignored_checks(view: View) -> Iterator[Problem]:
    for index, name in enumerate(view.spec.preflight.ignore):
        if name not in CHECK_NAMES:
            close = nearest(name, CHECK_NAMES) if index < _MOST_SUGGESTIONS else ""
            remedy = close or f"there are {', '.join(sorted(CHECK_NAMES))}"
            yield Problem(f"preflight.ignore[{index}]", f"{name!r} is not the name of a check", remedy)


RULES: tuple[Rule, ...] = (version, names, endpoint, certificates, ignored_checks)
