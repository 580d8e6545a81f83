"""A command over nodes of which some lie: those are reached by SSH, as always, the others are simulated and honest."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from kinstall.cli.main import main
from kinstall.cluster import ClusterSpec
from kinstall.connectivity import Connection, Matrix
from kinstall.engine.host import Host, ShellHost
from kinstall.operations.session import NodeReply
from kinstall.operations.ssh_session import SshSession, targets_of
from kinstall.secrets import Secrets
from kinstall.simulation import SimulatedSession, World
from kinstall.state.folder import StateFolder
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.channel import SshChannel
from kinstall.transport.ssh.connect import Connector
from kinstall.transport.target import SshTarget


@dataclass(slots=True, kw_only=True)
class Mixed(SimulatedSession):
    """`real`: the session of the nodes that lie."""

    real: SshSession

    def ask_one(self, host: Host) -> NodeReply:
        if isinstance(host, ShellHost):
            return self.real.ask_one(host)
        return SimulatedSession.ask_one(self, host)

    def reach(self, connections: Sequence[Connection], mtus: Mapping[str, int]) -> Matrix:
        named = self.real.channels.keys()
        return self.real.reach([each for each in connections if {each.source, each.target} <= named], mtus)

    def close(self) -> None:
        self.real.close()
        SimulatedSession.close(self)


def mixed(ports: Mapping[str, int], key: str, fingerprint: str) -> Callable[..., Mixed]:
    """What takes open_session's place; `ports`: name of a node that lies → where it listens."""
    world = World()

    def open_session(spec: ClusterSpec, state: StateFolder, secrets: Secrets, parallel: int = 32) -> Mixed:
        connector = Connector(HostKeys(None, None), secrets)
        channels: dict[str, Any] = {}
        for name, port in ports.items():
            target = targets_of(spec)[name]
            target = replace(target, host="127.0.0.1", port=port, host_key=fingerprint, identity_files=(key,))
            channels[name] = SshChannel(name, target, connector)
        real, made = SshSession(spec, secrets, channels, parallel), world.session(spec)
        fields = {name: getattr(made, name) for name in ("spec", "parallel", "world", "subnet", "given_up")}
        return Mixed(**fields, hosts={**made.hosts, **real.hosts}, channels={**made.channels, **channels}, real=real)

    return open_session


def command(words: list[str], home: str, ports: Mapping[str, int], key: str, fingerprint: str) -> int:
    """`kinstall WORDS` over such nodes."""
    os.environ["XDG_STATE_HOME"] = home
    setattr(import_module("kinstall.operations.options"), "open_session", mixed(ports, key, fingerprint))  # noqa: B010
    return main(words)


def trust(answers: str, home: str, port: int) -> int:
    """`kinstall trust ANSWERS`, for a node that is at this port of loopback."""
    os.environ["XDG_STATE_HOME"] = home

    def targets(spec: ClusterSpec) -> dict[str, SshTarget]:
        return {name: replace(each, host="127.0.0.1", port=port) for name, each in targets_of(spec).items()}

    setattr(import_module("kinstall.cli.trust"), targets_of.__name__, targets)
    return main(["trust", answers])
