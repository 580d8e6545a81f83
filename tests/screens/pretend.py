"""Services that answer from memory: what the screens ask of the outside, without an outside."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kinstall.cluster import ClusterSpec
from kinstall.engine.diff import Action
from kinstall.engine.preview import PlannedChange
from kinstall.errors import KinstallError
from kinstall.findings import Finding, Severity
from kinstall.operations.trust import Seen
from kinstall.sources.availability import Availability, State
from screens.services import Emit, RealServices

FOUND = (
    Availability("kubelet", "https://dl.k8s.io/kubelet", State.THERE, 58_000_000, "ab" * 32),
    Availability("runc.amd64", "https://example.com/runc", State.MISSING, message="example.com answers 404"),
    Availability(
        "pause:3.10.2", "http://10.0.0.1:5000", State.UNKNOWN, 0, "", "not reached from this machine: no route"
    ),
)
FINDINGS = (
    Finding("w1", "swap", Severity.WARNING, "swap is on (2 GiB, /swapfile)", "swapoff -a"),
    Finding("cp1", "cpu", Severity.OK, "2 CPUs"),
)
CHANGES = (
    PlannedChange("cp1", "prepare", "file /etc/hosts", Action.CHANGE, "content", "--- a\n+++ b\n-old\n+new"),
    PlannedChange("cp1", "kubernetes", "file /etc/kubernetes/pki/ca.key", Action.CREATE, secret=True),
    PlannedChange("cp1", "kubernetes", "unit kubelet.service", Action.RESTART, "inputs changed"),
)


@dataclass
class Pretend(RealServices):
    """`asked` names what was asked for, with the spec; `failure` is raised instead of an answer."""

    asked: list[tuple[str, ClusterSpec]] = field(default_factory=list)
    failure: KinstallError | None = None

    def look(self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Any) -> Sequence[Availability]:
        self._hear("look", spec)
        for each in FOUND:
            emit(each)
        return FOUND

    def plan(
        self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Any
    ) -> tuple[Sequence[Finding], Sequence[PlannedChange]]:
        self._hear("plan", spec)
        emit("examining 2 nodes")
        return FINDINGS, CHANGES

    def host_keys(self, spec: ClusterSpec, prompt: Any) -> Sequence[Seen]:
        return []  # known, all of them

    def _hear(self, what: str, spec: ClusterSpec) -> None:
        self.asked.append((what, spec))
        if self.failure:
            raise self.failure
