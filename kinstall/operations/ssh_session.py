"""The session of a real run: nodes over SSH, and what the operator's machine reads and fetches."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kinstall import connectivity, verify
from kinstall.cluster import ClusterSpec, Node
from kinstall.connectivity import Connection, Matrix
from kinstall.engine.host import Host, ShellHost
from kinstall.facts.parse import MOST_BYTES, MOST_LINES, SECONDS, facts_program, parse
from kinstall.operations.kubectl import fetch_kubectl
from kinstall.operations.session import NodeReply
from kinstall.secrets import Secrets
from kinstall.sources import http
from kinstall.sources.download import Depot
from kinstall.sources.gather import gather
from kinstall.sources.model import Sources
from kinstall.state.folder import StateFolder
from kinstall.transport.budget import Lines
from kinstall.transport.channel import Channel
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.channel import SshChannel
from kinstall.transport.ssh.connect import Connector
from kinstall.transport.target import SshTarget
from kinstall.verify import CheckResult

_SILENCE = 60.0
"""Seconds without a line until a node that is asked for its facts counts as lost."""

SETTLES = 20.0
"""Seconds: the kubelet reports static pods at most every ten, so a cluster that has just started looks unready."""


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


@dataclass(slots=True)
class SshSession:
    """`depot` has what the nodes cannot fetch."""

    spec: ClusterSpec
    secrets: Secrets
    channels: Mapping[str, Channel]
    parallel: int = 32
    depot: Depot = field(default_factory=Depot)
    hosts: dict[str, Host] = field(init=False)
    _sources: Sources | None = None

    def __post_init__(self) -> None:
        self.hosts = {name: ShellHost(name, channel, self.depot) for name, channel in self.channels.items()}

    def ask_one(self, host: Host) -> NodeReply:
        token, output = secrets.token_hex(8), Lines(host.name, MOST_BYTES, MOST_LINES, SECONDS)
        channel = self.channels[host.name]
        # The connection's making shall not count as the clock's being off.
        channel.execute("exit 0\n", on_line=output.add, timeout=_SILENCE)
        sent = time.time()
        channel.execute(facts_program(token, self.spec.endpoint_host), on_line=output.add, timeout=_SILENCE)
        return NodeReply(parse(output.lines, token), (sent, time.time()))

    def sources(self, archs: Iterable[str]) -> Sources:
        """What is to be sent to nodes is in the depot then."""
        if self._sources is None:
            self._sources = gather(self.spec, archs, self.secrets)
            self.depot.add(self._sources.paths)
        return self._sources

    def reach(self, connections: Sequence[Connection], mtus: Mapping[str, int]) -> Matrix:
        addresses = {node.name: node.internal_ip for node in self.spec.nodes}
        return connectivity.try_all(connections, self.channels, addresses, mtus)

    def checksums(self, url: str) -> str:
        return http.text_over_tls(url)

    def fetch_kubectl(self, state: StateFolder) -> str:
        return fetch_kubectl(self.spec, state)

    def verify(
        self,
        spec: ClusterSpec,
        on_check: Callable[[CheckResult], None],
        cancel: threading.Event,
        *,
        full: bool,
        has_resolver: bool,
    ) -> tuple[CheckResult, ...]:
        channels = {node.name: self.channels[node.name] for node in spec.nodes}
        if full:
            return tuple(verify.full(spec, channels, has_resolver, on_check, cancel))
        results = tuple(verify.read_only(spec, channels, patience=SETTLES))
        for result in results:
            on_check(result)
        return results

    def close(self) -> None:
        for channel in self.channels.values():
            channel.close()
        self.depot.close()


def open_session(spec: ClusterSpec, state: StateFolder, secrets: Secrets, parallel: int = 32) -> SshSession:
    """Channels to all nodes; each connects when it is first used."""
    connector = Connector(HostKeys(state.known_hosts), secrets)
    channels = {node.name: SshChannel(node.name, target_of(spec, node), connector) for node in spec.nodes}
    return SshSession(spec, secrets, channels, parallel)
