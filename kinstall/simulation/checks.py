"""What verify says in a rehearsal: every check by its name, and that only a real cluster can tell."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.cluster import ClusterSpec
from kinstall.verify.ground import PER_NODE
from kinstall.verify.objects import COREDNS, KUBE_PROXY, NODE_READY, SYSTEM_PODS
from kinstall.verify.results import CheckResult, skipped
from kinstall.verify.with_pods import CHECK_PODS, CLEAN_UP, REPLACED

WHY = "rehearsal: only a real cluster can tell"


def unknowable(spec: ClusterSpec, *, full: bool) -> Iterator[CheckResult]:
    """The checks that would be made of the cluster, in their order, each left out."""
    for node in spec.control_planes:
        yield skipped("API livez", WHY, node.name)
        yield skipped("API readyz", WHY, node.name)
    yield skipped("endpoint livez", WHY)
    yield skipped("endpoint readyz", WHY)
    for check in (NODE_READY, KUBE_PROXY):
        for node in spec.nodes:
            yield skipped(check, WHY, node.name)
    yield skipped(SYSTEM_PODS, WHY)
    yield skipped(COREDNS, WHY)
    if not full:
        return
    yield skipped(CHECK_PODS, WHY)
    for node in spec.nodes:
        for check in PER_NODE:
            yield skipped(check, WHY, node.name)
    yield skipped(REPLACED, WHY, spec.nodes[-1].name)
    yield skipped(CLEAN_UP, WHY)
