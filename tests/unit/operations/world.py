"""A cluster whose nodes are in memory, and the operations on it: what tests of whole commands use."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kinstall.cluster import CONTROL_PLANE, WORKER, ClusterSpec, Node
from kinstall.engine.events import Event
from kinstall.engine.host import Host
from kinstall.errors import (
    Unreachable,
)
from kinstall.operations.options import Options, Report
from kinstall.operations.replay import replay
from kinstall.operations.reset import reset
from kinstall.simulation import SimulatedSession
from kinstall.simulation import World as SimulatedWorld
from kinstall.state.folder import StateFolder
from kinstall.transport.channel import discard
from tests.unit.memory_host import MemoryHost

SPEC = ClusterSpec(
    cluster_name="demo",
    nodes=(
        Node(name="cp1", address="10.90.0.11", role=CONTROL_PLANE),
        Node(name="w1", address="10.90.0.12", role=WORKER),
        Node(name="w2", address="10.90.0.13", role=WORKER),
    ),
)
NAMES = tuple(node.name for node in SPEC.nodes)


def api_node(name: str, *addresses: str, managers: Sequence[str] = ("kubelet", "kinstall")) -> dict[str, Any]:
    """A Node object as `kubectl get nodes -o json` prints it."""
    return {
        "metadata": {"name": name, "managedFields": [{"manager": each} for each in managers]},
        "status": {"addresses": [{"type": "InternalIP", "address": each} for each in addresses]},
    }


class World(SimulatedWorld):
    """The nodes of a spec, in memory; `programs`: what the last session ran on them besides steps; `api`: the
    Node objects that the cluster's API has."""

    def __init__(self, folder: Path, spec: ClusterSpec = SPEC) -> None:
        super().__init__()
        self.folder = folder
        self.nodes = {node.name: MemoryHost(node.name) for node in spec.nodes}
        self.programs: dict[str, list[str]] = {}
        self.events: list[Event] = []
        self.api: list[dict[str, Any]] = []

    def host(self, name: str, given_up: threading.Event) -> Host:
        node = self.nodes.setdefault(name, MemoryHost(name))
        self.disks[name] = node.disk
        return node

    def session(self, spec: ClusterSpec) -> SimulatedSession:
        opened = super().session(spec)
        self.programs = {name: channel.programs for name, channel in opened.channels.items()}
        for channel in opened.channels.values():
            channel.execute = self._answering(channel.execute)  # type: ignore[method-assign]
        return opened

    def _answering(self, execute: Callable[..., int]) -> Callable[..., int]:
        def answer(program: str, *rest: Any, on_line: Callable[[str], None] = discard, **more: Any) -> int:
            if "get nodes" in program:
                on_line(json.dumps({"items": self.api}))
            return execute(program, *rest, **more)

        return answer

    def options(self, **more: Any) -> Options:
        state = StateFolder(self.folder / "state")
        return Options(state=state, session=self.session, verify=False, **more)

    def replay(self, spec: ClusterSpec = SPEC, cancel: threading.Event | None = None, **more: Any) -> Report:
        """Replay with these options; `events` are then those of this run."""
        self.events = []
        return replay(spec, self.options(**more), self.events.append, cancel=cancel)

    def reset(self, nodes: Sequence[str] = NAMES, cancel: threading.Event | None = None) -> dict[str, str]:
        self.events = []
        return reset(SPEC, self.options(), nodes, self.events.append, cancel)


def files_below(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mode & 0o777, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def silence(world: World, *names: str) -> None:
    """These nodes do not answer any more."""

    def read(paths: object) -> dict[str, bytes]:
        raise Unreachable("it", "no route")

    for name in names:
        world.nodes[name].read = read  # type: ignore[method-assign]


def rewrite(world: World, node: str, **changes: Any) -> None:
    """Whoever has the node changes its record; None takes a key away."""
    path = "/var/lib/kinstall/cluster.json"
    record = {**json.loads(world.disks[node].contents[path]), **changes}
    kept = {key: value for key, value in record.items() if value is not None}
    world.disks[node].contents[path] = json.dumps(kept).encode()
