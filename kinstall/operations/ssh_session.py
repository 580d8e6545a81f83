"""The session of a real run: nodes over SSH, and what the operator's machine reads and fetches."""

from __future__ import annotations

import os
import pwd
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kinstall import connectivity, verify
from kinstall.cluster import ClusterSpec, Node, Ssh
from kinstall.connectivity import Connection, Matrix
from kinstall.engine.host import Host, ShellHost
from kinstall.errors import UsageError
from kinstall.facts.parse import MOST_BYTES, MOST_LINES, SECONDS, facts_program, parse
from kinstall.operations.kubectl import fetch_kubectl
from kinstall.operations.prompts import with_questions
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
from kinstall.transport.target import DEFAULT_KEYS, SshTarget
from kinstall.verify import CheckResult

_SILENCE = 60.0
"""Seconds without a line until a node that is asked for its facts counts as lost."""

SETTLES = 20.0
"""Seconds: the kubelet reports static pods at most every ten, so a cluster that has just started looks unready."""


def targets_of(spec: ClusterSpec) -> dict[str, SshTarget]:
    """How each node is reached and logged in to, by its name."""
    asking = with_questions(spec)
    return {node.name: _target(asking.ssh_of(node), node) for node in asking.nodes}


def _target(ssh: Ssh, node: Node) -> SshTarget:
    return SshTarget(
        host=node.address,
        port=ssh.port,
        user=ssh.user,
        host_key=node.host_key,
        identity_files=ssh.identity_files,
        identities_only=ssh.identities_only,
        identity_agent=ssh.identity_agent,
        passphrase=ssh.passphrase,
        password=ssh.password,
        sudo_password=ssh.sudo_password,
        through=_through(ssh),
        connect_timeout=ssh.connect_timeout,
    )


def _through(ssh: Ssh) -> SshTarget | None:
    """The last jump host, behind those before it; None where the node is reached directly.

    Its login is its own: without a user the operator's name, as with ssh, and never the node's password. Without a key
    of its own the node's is tried, then what ssh would try: a public key that is offered there is no secret.
    """
    last: SshTarget | None = None
    for jump in ssh.jumps:
        own = jump.identity_files
        last = SshTarget(
            host=jump.address,
            port=jump.port,
            user=jump.user or _own_name(),
            host_key=jump.host_key,
            identity_files=own or (ssh.identity_files and (*ssh.identity_files, *DEFAULT_KEYS)),
            identities_only=None if own else bool(ssh.identities_only),
            identity_agent=ssh.identity_agent,
            passphrase=jump.passphrase or ("" if own else ssh.passphrase),
            password=jump.password,
            through=last,
            connect_timeout=ssh.connect_timeout,
        )
    return last


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        what = f"you have no login name on this machine (user id {os.getuid()}), and ssh.proxyJump names none"
        raise UsageError(what, "write user@host in ssh.proxyJump") from None


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
            self._sources = gather(with_questions(self.spec), archs, self.secrets)
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
    channels = {name: SshChannel(name, target, connector) for name, target in targets_of(spec).items()}
    return SshSession(spec, secrets, channels, parallel)
