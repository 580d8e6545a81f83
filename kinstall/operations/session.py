"""The nodes of one run: connected, asked for their facts, and closed again at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

from kinstall import connectivity, verify
from kinstall.cluster import ClusterSpec, Node
from kinstall.connectivity import Matrix, Want
from kinstall.engine.host import Host, ShellHost
from kinstall.engine.run import for_each
from kinstall.errors import Cancelled, HostKeyChanged, HostKeyUnknown, KinstallError, PreflightFailed
from kinstall.facts.model import NodeFacts, facts_program, parse
from kinstall.findings import Finding, Severity
from kinstall.operations.kubectl import fetch_kubectl
from kinstall.secrets import Secrets
from kinstall.sources import http
from kinstall.sources.download import Depot
from kinstall.sources.gather import gather
from kinstall.sources.model import Sources
from kinstall.state.folder import StateFolder
from kinstall.transport.channel import Channel
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.channel import SshChannel
from kinstall.transport.ssh.connect import Connector
from kinstall.transport.target import SshTarget
from kinstall.verify import CheckResult

SETTLES = 20.0
"""Seconds: the kubelet tells of static pods at most every ten, so a cluster that has just started looks unready."""


def target_of(spec: ClusterSpec, node: Node) -> SshTarget:
    """How a node is reached and logged in to."""
    ssh = spec.ssh_of(node)
    return SshTarget(
        host=node.address,
        port=ssh.port,
        user=ssh.user,
        host_key=node.host_key,
        identity_file=ssh.identity_file,
        passphrase=ssh.passphrase,
        password=ssh.password,
        sudo_password=ssh.sudo_password,
        proxy_jump=ssh.proxy_jump,
        proxy_jump_host_key=ssh.proxy_jump_host_key,
        connect_timeout=ssh.connect_timeout,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A node's facts, and the operator's clock (seconds since the epoch) when it asked and when it had the answer."""

    facts: NodeFacts
    clock: tuple[float, float]


@dataclass(slots=True)
class Session:
    """Open channels to some nodes of a spec; `hosts` are the same nodes as the engine sees them."""

    spec: ClusterSpec
    secrets: Secrets
    channels: Mapping[str, Channel]
    parallel: int = 32
    depot: Depot = field(default_factory=Depot)
    _sources: Sources | None = None
    hosts: dict[str, Host] = field(init=False)

    def __post_init__(self) -> None:
        self.hosts = {name: ShellHost(name, channel, self.depot) for name, channel in self.channels.items()}

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for channel in self.channels.values():
            channel.close()
        self.depot.close()

    def ask(
        self, heard: Callable[[str, Asked | Finding], None] = lambda node, answer: None
    ) -> tuple[dict[str, Asked], list[Finding]]:
        """Every node's facts, all at once; a node that cannot be asked becomes a finding.

        `heard` gets each node's answer as it comes, on the thread that asked.
        """

        def one(host: Host) -> Asked:
            try:
                answer = self.ask_one(host)
            except KinstallError as error:
                heard(host.name, _finding(host.name, error))
                raise
            heard(host.name, answer)
            return answer

        asked: dict[str, Asked] = {}
        findings: list[Finding] = []
        for name, result in for_each(self.hosts, one, self.parallel).items():
            if isinstance(result, KinstallError):
                findings.append(_finding(name, result))
            else:
                asked[name] = result
        return asked, findings

    # What a rehearsal makes up.

    def ask_one(self, host: Host) -> Asked:
        """A node's facts. Raises TransportError and UnreadableFacts."""
        lines: list[str] = []
        channel = self.channels[host.name]
        channel.execute("exit 0\n")  # the connection's making shall not count as the clock's being off
        sent = time.time()
        channel.execute(facts_program(), on_line=lines.append, timeout=60)
        return Asked(parse(lines), (sent, time.time()))

    def sources(self, archs: Iterable[str]) -> Sources:
        """What this machine contributes, looked at once per session; what it sends is in the depot then."""
        if self._sources is None:
            self._sources = gather(self.spec, archs, self.secrets)
            self.depot.add(self._sources.paths)
        return self._sources

    def reach(self, wants: Sequence[Want], mtus: Mapping[str, int]) -> Matrix:
        """Try every way between nodes; `mtus` are those of their own interfaces. Nodes that are lost are not asked."""
        addresses = {node.name: node.internal_ip for node in self.spec.nodes}
        return connectivity.ask(wants, self.channels, addresses, mtus)

    def checksums(self, url: str) -> str:
        """A release site's checksum file. Raises OSError."""
        return http.text_over_tls(url)

    def fetch_kubectl(self, state: StateFolder) -> str:
        """Put the operator's kubectl into the state folder; a sentence where that cannot be."""
        return fetch_kubectl(self.spec, state)

    def verify(
        self, heard: Callable[[CheckResult], None], cancel: threading.Event, *, full: bool, has_resolver: bool
    ) -> tuple[CheckResult, ...]:
        """The checks of the running cluster; without `full` only a look. `heard` hears each result once."""
        if full:
            return tuple(verify.full(self.spec, self.channels, has_resolver, heard, cancel))
        results = tuple(verify.read_only(self.spec, self.channels, patience=SETTLES))
        for result in results:
            heard(result)
        return results


def _finding(node: str, error: KinstallError) -> Finding:
    check = "host-key" if isinstance(error, (HostKeyUnknown, HostKeyChanged)) else "ssh"
    return Finding(node, check, Severity.ERROR, error.what.removeprefix(f"{node}: "), error.remedy)


def open_session(
    spec: ClusterSpec,
    state: StateFolder,
    secrets: Secrets,
    only: Iterable[str] | None = None,
    parallel: int = 32,
) -> Session:
    """Channels to the nodes (`only` those named); each connects when it is first used."""
    connector = Connector(HostKeys(state.known_hosts), secrets)
    names = set(only) if only is not None else {node.name for node in spec.nodes}
    channels = {
        node.name: SshChannel(node.name, target_of(spec, node), connector) for node in spec.nodes if node.name in names
    }
    return Session(spec, secrets, channels, parallel)


@contextmanager
def given_up(session: Session, cancel: threading.Event) -> Iterator[None]:
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


def require(findings: Iterable[Finding]) -> None:
    """Raise PreflightFailed where a finding is an error."""
    found = tuple(findings)
    if any(finding.severity is Severity.ERROR for finding in found):
        raise PreflightFailed(found)
