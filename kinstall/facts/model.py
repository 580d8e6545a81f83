"""Facts of a node: one POSIX sh program that prints them (`facts.sh`) and the parser of what it prints.

The program needs root to see everything, takes about 50 ms and changes nothing. Parsing is pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from kinstall.cluster.subnets import Interface, parse_address
from kinstall.errors import EXIT_PREFLIGHT, KinstallError
from kinstall.facts import parse as read
from kinstall.facts.parse import Link, Listener, Mount, Route, Space, SystemdUnit

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What `uname -m` says → what release files are named after."""

RESOLVED_CONF = "/run/systemd/resolve/resolv.conf"


class UnreadableFacts(KinstallError):
    """The node's answer was not that of the facts program, or broke off."""

    exit_code = EXIT_PREFLIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a node said of itself. Numbers that it did not tell are 0, texts empty."""

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

    @property
    def kernel_version(self) -> tuple[int, int]:
        """(6, 1) of `6.1.0-18-amd64`; (0, 0) where it cannot be read."""
        found = re.match(r"(\d+)\.(\d+)", self.kernel)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    @property
    def upstream_nameservers(self) -> tuple[str, ...]:
        """Name servers that a pod can reach too: without those on the node's own loopback."""
        return tuple(server for server in self.nameservers if not server.startswith("127.") and server != "::1")

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
        """The mount that a path lies on, as far as the program listed it."""
        holding = [m for m in self.mounts if m.path == "/" or path == m.path or path.startswith(f"{m.path}/")]
        return max(reversed(holding), key=lambda mount: len(mount.path), default=None)

    def space_of(self, path: str) -> Space | None:
        """The file system that a path lies on, or will lie on once it is made."""
        holding = [s for s in self.spaces if s.path == "/" or path == s.path or path.startswith(f"{s.path}/")]
        return max(holding, key=lambda space: len(space.path), default=None)


_address = cache(parse_address)
"""Each of a thousand nodes is asked for its route to every other."""

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


@cache
def facts_program() -> str:
    """The sh program to run as root; it reads nothing from its standard input."""
    return files("kinstall.facts").joinpath("facts.sh").read_text(encoding="utf-8")


def parse(lines: Iterable[str]) -> NodeFacts:
    """The facts out of the program's output lines; what came before its first line is skipped.

    Raises:
        UnreadableFacts: the first or the last line is missing.
    """
    sections, complete = read.sections(lines)
    if not complete:
        raise UnreadableFacts(
            "the node did not answer the question for its facts completely",
            "look at what its login shell prints and whether it starts /bin/sh, then try again",
        )

    def section(name: str) -> list[str]:
        return sections.get(name, [])

    plain = read.Plain(section(""))
    small = read.small_files(section("files"))
    release = dict(read.assignment(line) for line in small.get("/etc/os-release", ()) if "=" in line)
    units = read.units(section("units"))
    resolved = units.get("systemd-resolved.service")
    resolv_conf = RESOLVED_CONF if resolved and resolved.active and RESOLVED_CONF in small else "/etc/resolv.conf"
    cgroup_version, controllers = read.cgroups(small)
    chains, drops = read.chains(section("chains"))
    return NodeFacts(
        clock=read.number(plain.one("clock")),
        uid=int(read.number(plain.one("uid"), -1)),
        hostname=read.first(small, "/proc/sys/kernel/hostname"),
        machine_id=read.first(small, "/etc/machine-id"),
        product_uuid=read.first(small, "/sys/class/dmi/id/product_uuid").lower(),
        architecture=ARCHITECTURES.get(plain.one("architecture"), plain.one("architecture")),
        kernel=plain.one("kernel"),
        os_id=release.get("ID", ""),
        os_version=release.get("VERSION_ID", ""),
        os_name=release.get("PRETTY_NAME", ""),
        init=read.first(small, "/proc/1/comm"),
        systemd_version=int(read.number(read.match(r"systemd (\d+)", plain.one("systemd")))),
        virtualisation=plain.one("virtualisation"),
        cgroup_version=cgroup_version,
        controllers=controllers,
        cpus=read.cpus(read.first(small, "/sys/devices/system/cpu/online")),
        memory=int(read.number(read.match(r"(\d+) kB", read.first(small, "/proc/meminfo")))) // 1024,
        swaps=tuple(line.split()[0] for line in small.get("/proc/swaps", [])[1:] if line.split()),
        tools=frozenset(plain.one("tools").split()),
        nft_version=tuple(int(part) for part in re.findall(r"\d+", read.match(r"v([\d.]+)", plain.one("nft")))),
        nft_usable="usable" in section("chains"),
        modules=dict(read.pair(text) for text in plain.all("module")),
        module_tree=plain.one("modules") or "none",
        sysctls=read.sysctls(plain.all("sysctl"), section("mounts")),
        links=tuple(read.links(section("links"))),
        addresses=tuple(read.addresses(section("addresses"))),
        routes=tuple(read.routes(section("routes"))),
        listeners=tuple(read.listeners(section("listening"))),
        mounts=tuple(read.mounts(section("mounts"))),
        spaces=tuple(read.spaces(section("space"))),
        units=units,
        paths=tuple(plain.all("path")),
        chains=chains,
        drop_policies=drops,
        proxies=dict(read.assignment(text) for text in plain.all("proxy") if "=" in text),
        nameservers=tuple(read.nameservers(small.get(resolv_conf, ()))),
        resolv_conf=resolv_conf,
        ufw="ENABLED=yes" in small.get("/etc/ufw/ufw.conf", ()),
        selinux_enforcing=read.first(small, "/sys/fs/selinux/enforce") == "1",
        recorded=plain.one("recorded") == "yes",
        cluster=read.cluster(small.get("/var/lib/kinstall/cluster.json", ())),
    )
