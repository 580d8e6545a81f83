"""What verify reports in a rehearsal: every check by its name, and that only a real cluster can answer."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.cluster import ClusterSpec
from kinstall.verify.check import skipped
from kinstall.verify.checks import checks_of
from kinstall.verify.results import CheckResult

WHY = "rehearsal: only a real cluster shows it"


def unknowable(spec: ClusterSpec, *, full: bool) -> Iterator[CheckResult]:
    """The checks that would be made of the cluster, in their order, each skipped."""
    for check in checks_of(full=full):
        for node in check.subject.names(spec):
            yield check.result(skipped(WHY), node)
