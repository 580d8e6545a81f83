"""A session: the nodes of one run, as operations see them. A Protocol; who makes one is `ssh_session` or a rehearsal.

`ask` gets all nodes' facts, whoever made the session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from kinstall.cluster import ClusterSpec
from kinstall.connectivity import Connection, Matrix
from kinstall.engine.host import Host
from kinstall.engine.run import for_each
from kinstall.errors import Cancelled, HostKeyChanged, HostKeyUnknown, KinstallError, Unreachable
from kinstall.facts.model import NodeFacts
from kinstall.findings import Finding, Severity
from kinstall.sources.model import Sources
from kinstall.state.folder import StateFolder
from kinstall.transport.channel import Channel
from kinstall.verify import CheckResult


@dataclass(frozen=True, slots=True)
class NodeReply:
    """A node's facts, and the operator's clock (seconds since the epoch) when it asked and when it had the answer."""

    facts: NodeFacts
    clock: tuple[float, float]


class Session(Protocol):
    """Open channels to the nodes of a spec; `hosts` are the same nodes as the engine sees them. Whoever opens one
    closes it."""

    @property
    def spec(self) -> ClusterSpec: ...
    @property
    def channels(self) -> Mapping[str, Channel]: ...
    @property
    def hosts(self) -> Mapping[str, Host]: ...
    @property
    def parallel(self) -> int:
        """How many nodes are worked on at once."""

    def ask_one(self, host: Host) -> NodeReply:
        """A node's facts. Raises TransportError and UnreadableFacts."""

    def sources(self, archs: Iterable[str]) -> Sources:
        """What this machine contributes, looked at once per session."""

    def reach(self, connections: Sequence[Connection], mtus: Mapping[str, int]) -> Matrix:
        """Try every way between nodes; `mtus` are those of their own interfaces. Nodes that are lost are not asked."""

    def checksums(self, url: str) -> str:
        """A release site's checksum file. Raises OSError."""

    def fetch_kubectl(self, state: StateFolder) -> str:
        """Put the operator's kubectl into the state folder; a sentence where that cannot be."""

    def verify(
        self,
        spec: ClusterSpec,
        on_check: Callable[[CheckResult], None],
        cancel: threading.Event,
        *,
        full: bool,
        has_resolver: bool,
    ) -> tuple[CheckResult, ...]:
        """The checks of the running cluster; without `full` only a look. `spec`: this session's, but for nodes that are
        left alone. `on_check` gets each result once."""

    def close(self) -> None: ...


class Replies(NamedTuple):
    """`nodes`: node name → its reply. `findings` are errors, one for each node that could not be asked; `unreachable`:
    those of them to which there was no connection, or to which it broke."""

    nodes: dict[str, NodeReply]
    findings: list[Finding]
    unreachable: frozenset[str]


def ask(session: Session, on_reply: Callable[[str, NodeReply | Finding], None] = lambda node, reply: None) -> Replies:
    """Every node's facts, all at once; a node that cannot be asked becomes a finding.

    `on_reply` gets each node's reply as it comes, on the thread that asked.
    """

    def one(host: Host) -> NodeReply:
        try:
            reply = session.ask_one(host)
        except KinstallError as error:
            on_reply(host.name, _finding(host.name, error))
            raise
        on_reply(host.name, reply)
        return reply

    results = for_each(session.hosts, one, session.parallel)
    errors = {name: result for name, result in results.items() if isinstance(result, KinstallError)}
    return Replies(
        nodes={name: result for name, result in results.items() if not isinstance(result, KinstallError)},
        findings=[_finding(name, error) for name, error in errors.items()],
        unreachable=frozenset(name for name, error in errors.items() if isinstance(error, Unreachable)),
    )


def _finding(node: str, error: KinstallError) -> Finding:
    check = "host-key" if isinstance(error, (HostKeyUnknown, HostKeyChanged)) else "ssh"
    return Finding(node, check, Severity.ERROR, error.what.removeprefix(f"{node}: "), error.remedy)


@contextmanager
def closed_on(session: Session, cancel: threading.Event) -> Iterator[None]:
    """Until the first step there is no step boundary to wait for: on `cancel` the connections end at once.

    Raises:
        Cancelled: the operator stopped the run
    """
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            if cancel.is_set():
                session.close()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    stopped = Cancelled("stopped before anything was changed", "the same command starts again")
    try:
        yield
    except KinstallError:
        if cancel.is_set():
            raise stopped from None
        raise
    finally:
        done.set()
        watcher.join()
    if cancel.is_set():
        raise stopped
