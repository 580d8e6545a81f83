"""What a node is: its facts as records. Pure; `parse.py` makes them out of what `facts.sh` prints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from kinstall.cluster.subnets import Interface, Range, parse_address
from kinstall.facts.boot_sysctls import BootSysctl


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface; `mac` is empty where it has none."""

    name: str
    mac: str
    mtu: int


@dataclass(frozen=True, slots=True)
class Route:
    """An IPv4 route of any table that leads somewhere; `via` is empty where the destination is on the link."""

    destination: Range
    device: str = ""
    via: str = ""
    table: str = "main"

    def __str__(self) -> str:
        to = "default" if self.destination.prefixlen == 0 else str(self.destination)
        return f"{to}{f' via {self.via}' if self.via else ''}{f' dev {self.device}' if self.device else ''}"


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket; `process` is empty where it is not known."""

    protocol: str
    address: str
    port: int
    process: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    path: str
    type: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Space:
    """A mounted file system: size and what root may still write, in bytes. `device`: what is mounted, /dev/sda2."""

    path: str
    size: int
    free: int
    device: str = ""


@dataclass(frozen=True, slots=True)
class SystemdUnit:
    """A unit that systemd knows; units that it does not know have no record."""

    name: str
    active: bool
    enabled: bool
    path: str
    drop_ins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a node reports of itself. Numbers that it does not know are 0, texts empty."""

    clock: float  # seconds since the epoch; 0: unknown
    uid: int
    hostname: str
    machine_id: str
    product_uuid: str
    architecture: str  # amd64, arm64; else what uname -m says
    kernel: str
    os_id: str
    os_version: str
    os_name: str
    init: str  # the name of PID 1
    systemd_version: int
    virtualisation: str
    cgroup_version: int
    controllers: frozenset[str]
    cpus: int
    memory: int  # MiB
    swaps: tuple[str, ...]
    tools: frozenset[str]
    nft_version: tuple[int, ...]
    nft_usable: bool
    modules: Mapping[str, str]  # name → present, loadable, blocked, missing, unknown
    module_tree: str  # yes, other (another kernel's), none
    sysctls: Mapping[str, bool]  # net/ipv4/ip_forward → whether it can be written
    links: tuple[Link, ...]
    addresses: tuple[tuple[str, Interface], ...]  # (interface, address with prefix length)
    routes: tuple[Route, ...]
    listeners: tuple[Listener, ...]
    mounts: tuple[Mount, ...]
    spaces: tuple[Space, ...]
    units: Mapping[str, SystemdUnit]
    paths: tuple[str, ...]
    chains: frozenset[str]
    drop_policies: tuple[tuple[str, str], ...]  # (hook, "table ip filter, chain FORWARD") with policy drop
    proxies: Mapping[str, str]
    nameservers: tuple[str, ...]
    resolv_conf: str
    ufw: bool
    selinux_enforcing: bool
    recorded: bool  # whether kinstall's record of changes has entries
    cluster: Mapping[str, Any] | None  # /var/lib/kinstall/cluster.json
    real_paths: Mapping[str, str] = field(default_factory=dict)  # folder → where it is behind links
    boot_sysctls: tuple[BootSysctl, ...] = ()  # in the order in which they are set at boot
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Key or path of a small file → its lines as printed. What a single check needs has no field of its own."""

    def value(self, key: str) -> str:
        """The first line of a key or a small file; empty where the node has none."""
        return next(iter(self.lines.get(key, ())), "").strip()

    @property
    def kernel_version(self) -> tuple[int, int]:
        """(6, 1) of `6.1.0-18-amd64`; (0, 0) where it cannot be read."""
        found = re.match(r"(\d{1,9})\.(\d{1,9})", self.kernel)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def upstream_nameservers(self, ranges: Iterable[Range]) -> tuple[str, ...]:
        """Name servers that a pod can reach too. `ranges`: those of pods and services."""
        ranges = tuple(ranges)
        return tuple(server for server in self.nameservers if not unreachable_for_pods(server, ranges))

    @property
    def ca_folders(self) -> tuple[str, ...]:
        return tuple(path for path in self.paths if path in CA_FOLDERS)

    def active(self, unit: str) -> bool:
        return unit in self.units and self.units[unit].active

    def interface_of(self, address: str) -> tuple[Link, Interface] | None:
        """The link that holds the address, and the address with its prefix length."""
        for name, interface in self.addresses:
            if str(interface.ip) == address:
                return next((link for link in self.links if link.name == name), Link(name, "", 0)), interface
        return None

    def route_to(self, address: str) -> Route | None:
        """The main table's most specific route to an address."""
        target = _address(address)
        fitting = [route for route in self.routes if route.table == "main" and target in route.destination]
        return max(fitting, key=lambda route: route.destination.prefixlen, default=None)

    def mount_of(self, path: str) -> Mount | None:
        """The mount that a folder is on, as far as the program listed it."""
        path = self.real_paths.get(path, path)
        holding = [m for m in self.mounts if m.path == "/" or path == m.path or path.startswith(f"{m.path}/")]
        return max(reversed(holding), key=lambda mount: len(mount.path), default=None)

    def space_of(self, path: str) -> Space | None:
        """The file system that a folder is on, or will be on once it is made."""
        path = self.real_paths.get(path, path)
        holding = [s for s in self.spaces if s.path == "/" or path == s.path or path.startswith(f"{s.path}/")]
        return max(holding, key=lambda space: len(space.path), default=None)


_address = cache(parse_address)
"""Each of a thousand nodes is asked for its route to every other."""


def unreachable_for_pods(server: str, ranges: Iterable[Range] = ()) -> str:
    """Why a pod does not reach a name server that resolv.conf names, as the end of a sentence; empty where it may.

    `ranges`: those of pods and services, where only the cluster itself answers.
    """
    try:
        address = _address(server)
    except ValueError:
        return "it is not an address"
    if address.is_loopback or address.is_unspecified:
        return "in a pod that is the pod itself"
    if address.is_link_local and address.version == 6:
        return "only the node's own link knows it"
    if any(address in network for network in ranges):
        return "it is inside the cluster's own ranges"
    return ""


CA_FOLDERS = (
    "/etc/ssl/certs",
    # Of RHEL's /etc/pki only what holds certificates: private keys are in it too.
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
)
"""Where distributions keep the certificate authorities of the world; /etc/ssl/certs links into the others."""
