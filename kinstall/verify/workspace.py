"""The namespace that one verify works in, and the control plane through which it does."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from kinstall.cluster import ClusterSpec
from kinstall.errors import Cancelled
from kinstall.transport.channel import Channel
from kinstall.verify import manifest, objects
from kinstall.verify.ground import Ground, ground_of
from kinstall.verify.node import ask
from kinstall.verify.program import Call, program
from kinstall.verify.records import Record, of_kind

SLICE_SECONDS = 5
"""A wait on the node lasts this long at most, so that a cancelled check ends soon."""


class Workspace:
    """`front`: the control plane that is asked. `stale`: namespaces that an interrupted verify left. `down`: nodes that
    are not Ready. `ground`: the check pods once there are any."""

    def __init__(
        self,
        spec: ClusterSpec,
        hosts: Mapping[str, Channel],
        front: str,
        cancel: threading.Event,
        stale: Sequence[str] = (),
        down: frozenset[str] = frozenset(),
    ) -> None:
        self.spec, self.hosts, self.front, self.cancel = spec, hosts, front, cancel
        self.stale, self.down = stale, down
        self.namespace = manifest.new_namespace()
        self.ground: Ground | None = None

    def ask(self, calls: Sequence[Call], payload: bytes = b"") -> tuple[Record, ...]:
        """Make calls on the control plane. Raises TransportError and Cancelled."""
        records = ask(self.hosts[self.front], program(calls, kubectl=True), payload)
        self.stop_if_cancelled()
        return records

    def look_at_pods(self) -> Ground:
        """Wait a moment for the check pods, and see which are ready."""
        call = Call("workspace", ("wait_for", self.namespace, str(SLICE_SECONDS), *manifest.WORKLOADS))
        listed = "".join(each.text for each in of_kind(self.ask([call]), "objects"))
        return ground_of(self.spec, objects.items(listed) or [])

    def pause(self, seconds: float) -> None:
        self.cancel.wait(seconds)
        self.stop_if_cancelled()

    def stop_if_cancelled(self) -> None:
        if self.cancel.is_set():
            raise Cancelled("verify was stopped", "the cluster was left as it is; `kinstall verify` starts again")


def went_well(records: Sequence[Record], kind: str) -> bool:
    """Whether the record with which a call ended says so."""
    return any(each.kind == kind and each.field(1) == "0" for each in records)


def output(records: Sequence[Record]) -> str:
    """What kubectl printed, in one line."""
    return objects.flat(" ".join(each.text for each in records)) or "the program on the node ended early"
