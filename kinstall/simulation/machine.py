"""A simulated host's description, and the facts that preflight gets from it. Pure but for the clock passed in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from assets import paths
from assets.pod_network import pod_network
from kinstall.cluster import ClusterSpec, Node
from kinstall.cluster.subnets import (
    ANYWHERE,
    Address,
    Range,
    overlap,
    parse_address,
    parse_interface,
    parse_range,
    smallest_range,
    subnet_around,
)
from kinstall.facts.model import Link, Mount, NodeFacts, Route, Space, SystemdUnit
from kinstall.plan.node_inputs import IDENTITY
from kinstall.preflight.checks.software import TOOLS
from kinstall.simulation.host import Disk

GIB = 1 << 30
_ETCD = paths.manifest("etcd")
_USUAL = 24
"""The prefix length of a subnet where the nodes' addresses do not ask for another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What all hosts of a rehearsal are: `arch` is Go's name, `memory` in MiB, `disk` in GiB."""

    arch: str = "amd64"
    os_name: str = "Debian GNU/Linux 12 (bookworm)"
    kernel: str = "6.1.0"
    cpus: int = 2
    memory: int = 4096
    disk: int = 40
    mtu: int = 1500
    nameservers: tuple[str, ...] = ("192.0.2.53",)

    def __str__(self) -> str:
        room = f"{self.memory // 1024} GiB of memory, {self.disk} GiB of disk"
        return f"bare {self.os_name}, {self.arch}, {self.cpus} CPUs, {room}"


def subnet_of(spec: ClusterSpec) -> Range | None:
    """One network that holds all nodes and meets neither pods nor services; None where there is no such network."""
    addresses = [parse_address(node.internal_ip) for node in spec.nodes]
    small = smallest_range(addresses)
    usual = subnet_around(addresses[0], _USUAL)
    taken = [network for _, network in spec.networking.ranges]
    for network in (usual, small):
        if all(address in network for address in addresses) and not overlap((network,), taken):
            return network
    return None


def bare_facts(
    spec: ClusterSpec, node: Node, machine: Machine, subnet: Range | None, disk: Disk, clock: float
) -> NodeFacts:
    """The host's facts: fit for the cluster, with what a run has left on it. `subnet` as subnet_of()."""
    address = parse_address(node.internal_ip)
    link = Link("eth0", _mac(address), max(machine.mtu, spec.networking.mtu + pod_network(spec).overhead))
    own = parse_interface(f"{address}/{subnet.prefixlen if subnet else address.max_prefixlen}")
    identity = disk.contents.get(IDENTITY)
    return NodeFacts(
        clock=clock,
        uid=0,
        hostname=node.name,
        machine_id=sha256(node.name.encode()).hexdigest()[:32],
        product_uuid="",
        architecture=machine.arch,
        kernel=machine.kernel,
        os_id="debian",
        os_version="12",
        os_name=machine.os_name,
        init="systemd",
        systemd_version=252,
        virtualisation="none",
        cgroup_version=2,
        controllers=frozenset(("cpu", "cpuset", "io", "memory", "pids")),
        cpus=machine.cpus,
        memory=machine.memory,
        swaps=(),
        tools=frozenset((*TOOLS, "curl", "openssl", "modprobe", "sysctl", "iptables", "ss")),
        nft_version=(1, 0, 6),
        nft_usable=True,
        modules={},
        module_tree="yes",
        sysctls={},
        links=(Link("lo", "", 65536), link),
        addresses=(("lo", parse_interface("127.0.0.1/8")), (link.name, own)),
        routes=tuple(_routes(spec, node, link.name, subnet)),
        listeners=(),
        mounts=(Mount("/", "ext4", ("rw", "relatime")),),
        spaces=(Space("/", machine.disk * GIB, machine.disk * GIB * 9 // 10),),
        units={"systemd-timesyncd.service": SystemdUnit("systemd-timesyncd.service", True, True, "", ())},
        paths=("/etc/ssl/certs", "/etc/ca-certificates", "/usr/share/ca-certificates"),
        chains=frozenset(),
        drop_policies=(),
        proxies={},
        nameservers=machine.nameservers,
        resolv_conf="/etc/resolv.conf",
        ufw=False,
        selinux_enforcing=False,
        recorded=bool(disk.record),
        cluster=json.loads(identity) if identity else None,
        lines={"etcd-image": tuple(_images(disk.contents.get(_ETCD, b"")))},
    )


def _images(manifest: bytes) -> Iterable[str]:
    """As the program on a real node reads it."""
    return re.findall(r"^[- ]*image: *(.+)$", manifest.decode(), re.MULTILINE)


def _routes(spec: ClusterSpec, node: Node, device: str, subnet: Range | None) -> Iterable[Route]:
    yield Route(ANYWHERE, device, "192.0.2.1")
    if subnet:
        yield Route(subnet, device)
    else:
        yield from (Route(parse_range(peer.internal_ip), device) for peer in spec.nodes if peer.name != node.name)


def _mac(address: Address) -> str:
    return ":".join(("02", "00", *(f"{octet:02x}" for octet in address.packed)))
