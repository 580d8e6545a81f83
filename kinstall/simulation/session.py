"""A session with simulated hosts: what `kinstall.operations.session.Session` has of the world outside, made up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from kinstall.cluster import ClusterSpec
from kinstall.cluster.subnets import Range
from kinstall.connectivity import Connection, Matrix
from kinstall.engine.host import Host
from kinstall.operations.session import NodeReply
from kinstall.plan.phase_names import PHASES
from kinstall.secrets import Secret, Secrets
from kinstall.simulation.checks import unknowable
from kinstall.simulation.faults import Fault, Misfortune
from kinstall.simulation.host import Disk, SimulatedHost
from kinstall.simulation.machine import Machine, bare_facts, subnet_of
from kinstall.sources.model import Sources
from kinstall.sources.offline import placeholders
from kinstall.state.folder import StateFolder
from kinstall.transport.channel import discard
from kinstall.verify import CheckResult


class SilentChannel:
    """Runs nothing: every program ends well and prints nothing. `programs` are those that were sent."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.programs: list[str] = []

    def execute(
        self,
        program: str,
        payload: Iterable[bytes] = (),
        on_line: Callable[[str], None] = discard,
        timeout: float | None = None,
    ) -> int:
        self.programs.append(program)
        return 0

    def close(self) -> None: ...


class MadeUpSecrets(Secrets):
    """Nothing is read and nobody is asked: a rehearsal has no use for real secrets."""

    def resolve(self, reference: str) -> Secret:
        return Secret("rehearsal")


class World:
    """The hosts of a rehearsal, which outlive its sessions: `session` opens one, as Options needs it.

    `pace`: seconds that each step takes on each node.
    """

    def __init__(
        self, machine: Machine | None = None, faults: Sequence[Fault] = (), pace: float = 0.0, parallel: int = 32
    ) -> None:
        self.machine = machine or Machine()
        self.faults = tuple(faults)
        self.pace = pace
        self.parallel = parallel
        self.secrets = MadeUpSecrets()
        self.disks: dict[str, Disk] = {}
        self.met: set[Fault] = set()

    def session(self, spec: ClusterSpec) -> SimulatedSession:
        given_up = threading.Event()
        return SimulatedSession(
            spec=spec,
            channels={node.name: SilentChannel(node.name) for node in spec.nodes},
            hosts={node.name: self.host(node.name, given_up) for node in spec.nodes},
            parallel=self.parallel,
            world=self,
            subnet=subnet_of(spec),
            given_up=given_up,
        )

    def host(self, name: str, given_up: threading.Event) -> Host:
        """A connection to a node that keeps its disk."""
        faults = [fault for fault in self.faults if fault.node == name]
        misfortune = Misfortune(name, faults, PHASES, self.pace, given_up, self.met)
        return SimulatedHost(
            name, self.disks.setdefault(name, Disk()), interfere=misfortune.interfere, reach=misfortune.reach
        )

    @property
    def unmet(self) -> tuple[Fault, ...]:
        """Faults that never struck: nothing was done that they could have hit."""
        return tuple(fault for fault in self.faults if fault not in self.met)


@dataclass(slots=True, kw_only=True)
class SimulatedSession:
    """`subnet`: the network of all nodes, if one can be. `given_up` is set when the session is closed."""

    spec: ClusterSpec
    channels: Mapping[str, SilentChannel]
    hosts: Mapping[str, Host]
    parallel: int
    world: World
    subnet: Range | None
    given_up: threading.Event

    def ask_one(self, host: Host) -> NodeReply:
        host.read(())  # may be out of reach
        now = time.time()
        node = self.spec.node(host.name)
        facts = bare_facts(self.spec, node, self.world.machine, self.subnet, self.world.disks[host.name], now)
        return NodeReply(facts, (now, now))

    def sources(self, archs: Iterable[str]) -> Sources:
        return placeholders(self.spec, archs)

    def reach(self, connections: Sequence[Connection], mtus: Mapping[str, int]) -> Matrix:
        """There is nothing between hosts that are made up: no way is tried, and none is called open."""
        return Matrix()

    def checksums(self, url: str) -> str:
        """A digest per address: nothing is fetched, and the same address always serves the same file."""
        return sha256(url.encode()).hexdigest()

    def fetch_kubectl(self, state: StateFolder) -> str:
        return ""

    def verify(
        self,
        spec: ClusterSpec,
        on_check: Callable[[CheckResult], None],
        cancel: threading.Event,
        *,
        full: bool,
        has_resolver: bool,
    ) -> tuple[CheckResult, ...]:
        results = tuple(unknowable(spec, full=full))
        for result in results:
            on_check(result)
        return results

    def close(self) -> None:
        self.given_up.set()
