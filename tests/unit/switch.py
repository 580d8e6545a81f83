"""Nodes in network namespaces of this machine, joined by a switch: a real sshd each, and links that can be broken."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from kinstall.cluster import CONTROL_PLANE, WORKER, ClusterSpec, Node
from kinstall.connectivity.program import LISTEN_SECONDS
from kinstall.facts.parse import parse
from kinstall.transport.ssh.channel import SshChannel
from tests.unit.sshd import Farm, Sshd

FACTS = replace(
    parse((Path(__file__).parent / "facts" / "recorded" / "debian12.txt").read_text().splitlines()), listeners=()
)
"""Of any such node: nothing listens there but for its sshd."""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _sweep() -> None:
    """Take away the spaces and links of test runs that were killed before they could."""
    named = re.compile(r"kmx(\d+)(?:-?n\d+)?")
    for kind, folder in (("netns", Path("/run/netns")), ("link", Path("/sys/class/net"))):
        for path in folder.glob("kmx*"):
            if (found := named.fullmatch(path.name)) and not Path("/proc", found[1]).exists():
                subprocess.run(["ip", kind, "delete", path.name], check=False, capture_output=True)


class Switch:
    """`count` nodes n0, n1, … on one link; n0 is a control plane. Needs root; `close` takes all of it away."""

    def __init__(self, directory: Path, count: int) -> None:
        self.bridge = f"kmx{os.getpid()}"
        self.network = f"10.98.{os.getpid() % 250}"
        self.farm = Farm(directory)
        self.nodes: dict[str, Sshd] = {}
        self.names = [f"n{index}" for index in range(count)]
        _sweep()
        ip("link", "add", self.bridge, "type", "bridge")
        ip("address", "add", f"{self.network}.254/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")
        for index, name in enumerate(self.names):
            address, space = f"{self.network}.{index + 1}", self.space(name)
            ip("netns", "add", space)
            ip("link", "add", self.port(name), "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", self.port(name), "master", self.bridge, "up")
            ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                ip("-n", space, "link", "set", link, "up")
            self.nodes[name] = self.farm.start(port=22, address=address, within=("ip", "netns", "exec", space))

    def space(self, name: str) -> str:
        return f"{self.bridge}-{name}"

    def port(self, name: str) -> str:
        """The link's end at the switch."""
        return f"{self.bridge}{name}"

    def inside(self, name: str, *command: str, text: str = "") -> str:
        """What a command in the node's network namespace prints."""
        words = ["ip", "netns", "exec", self.space(name), *command]
        return subprocess.run(words, input=text, check=True, capture_output=True, text=True).stdout

    def filter(self, name: str, *rules: str) -> None:
        """nft rules on what comes in to a node, instead of those before."""
        lines = "\n".join(rules)
        table = f"table inet test {{\nchain input {{\ntype filter hook input priority 0\n{lines}\n}}\n}}\n"
        self.inside(name, "nft", "-f", "-", text=f"flush ruleset\n{table if rules else ''}")

    @property
    def spec(self) -> ClusterSpec:
        roles = [CONTROL_PLANE] + [WORKER] * (len(self.names) - 1)
        named = zip(self.nodes.items(), roles, strict=True)
        return ClusterSpec(nodes=tuple(Node(name=name, address=s.address, role=role) for (name, s), role in named))

    def channels(self) -> dict[str, SshChannel]:
        return {name: sshd.channel(name) for name, sshd in self.nodes.items()}

    def processes(self) -> set[str]:
        """The command lines of all that runs on the nodes, but for the sshds."""
        found = set()
        for name in self.names:
            for pid in self.inside(name, "ip", "netns", "pids", self.space(name)).split():
                try:
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                except OSError:
                    continue
                if words and "sshd" not in words and "netns" not in words:
                    found.add(words)
        return found

    def settled(self) -> bool:
        """Whether nothing of the matrix runs any more, within a few seconds: a shell that has told its status still has
        to exit. Listeners that were forgotten would live ten times as long."""
        deadline = time.monotonic() + LISTEN_SECONDS / 10
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self.processes()

    def close(self) -> None:
        self.farm.stop()
        for name in self.names:
            # A connection that broke off keeps a namespace for minutes, and its link with it.
            subprocess.run(["ip", "link", "delete", self.port(name)], check=False, capture_output=True)
            subprocess.run(["ip", "netns", "delete", self.space(name)], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", self.bridge], check=False, capture_output=True)
