"""The program that prints a node's facts (`facts.sh`), and the parser of what it prints.

The program needs root to see everything, takes about 50 ms and changes nothing. Parsing is pure: each section's lines
are as the tool printed them (iproute2, systemctl, nft, df), and what is not understood is passed over: a fact that is
not known is better than a wrong one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from kinstall.cluster.subnets import ANYWHERE, Interface, is_address, parse_address, parse_interface, parse_range
from kinstall.errors import EXIT_PREFLIGHT, KinstallError
from kinstall.facts.boot_sysctls import boot_sysctls
from kinstall.facts.model import Link, Listener, Mount, NodeFacts, Route, Space, SystemdUnit

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What `uname -m` says → what release files are named after."""

RESOLVED_CONF = "/run/systemd/resolve/resolv.conf"

SmallFiles = Mapping[str, Sequence[str]]
"""Path → lines."""


class UnreadableFacts(KinstallError):
    """The node's answer was not that of the facts program, or was cut off."""

    exit_code = EXIT_PREFLIGHT


MOST_BYTES, MOST_LINES, SECONDS = 4 << 20, 50_000, 120.0
"""A thousand pods' links and routes are a tenth of it."""


def facts_program(token: str, endpoint: str = "") -> str:
    """The sh program to run as root; it reads nothing from its standard input.

    `token`: [0-9a-f]+, new for each run. `endpoint`: the name to look up under which nodes reach the API, if it is one.
    """
    name = endpoint if _NAME.fullmatch(endpoint) and not is_address(endpoint) else ""
    return f"mark='{_mark(token)}'\nendpoint='{name}'\n{_program()}"


_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""A DNS name, and no word that a shell or a program could take for something else."""


@cache
def _program() -> str:
    return files("kinstall.facts").joinpath("facts.sh").read_text(encoding="utf-8")


def _mark(token: str) -> str:
    return f"== {token}" if token else "=="


def parse(lines: Iterable[str], token: str = "") -> NodeFacts:
    """The facts out of the program's output lines; what came before its first line is skipped. `token`: the program's.

    Raises:
        UnreadableFacts: the first or the last line is missing.
    """
    printed, complete = sections(lines, _mark(token))
    if not complete:
        raise UnreadableFacts(
            "the node did not answer the question for its facts completely",
            "look at what its login shell prints and whether it starts /bin/sh, then try again",
        )

    def section(name: str) -> list[str]:
        return printed.get(name, [])

    plain, small = keyed(section("")), small_files(section("files"))

    def one(key: str) -> str:
        return first(plain, key)

    release = dict(assignment(line) for line in small.get("/etc/os-release", ()) if "=" in line)
    known = units(section("units"))
    resolved = known.get("systemd-resolved.service")
    resolv_conf = RESOLVED_CONF if resolved and resolved.active and RESOLVED_CONF in small else "/etc/resolv.conf"
    cgroup_version, controllers = cgroups(small)
    names, drops = chains(section("chains"))
    ufw = "ENABLED=yes" in small.get("/etc/ufw/ufw.conf", ())
    return NodeFacts(
        clock=number(one("clock")),
        uid=int(number(one("uid"), -1)),
        hostname=first(small, "/proc/sys/kernel/hostname"),
        machine_id=first(small, "/etc/machine-id"),
        product_uuid=first(small, "/sys/class/dmi/id/product_uuid").lower(),
        architecture=ARCHITECTURES.get(one("architecture"), one("architecture")),
        kernel=one("kernel"),
        os_id=release.get("ID", ""),
        os_version=release.get("VERSION_ID", ""),
        os_name=release.get("PRETTY_NAME", ""),
        init=first(small, "/proc/1/comm"),
        systemd_version=int(number(match(r"systemd (\d+)", one("systemd")))),
        virtualisation=one("virtualisation"),
        cgroup_version=cgroup_version,
        controllers=controllers,
        cpus=cpus(first(small, "/sys/devices/system/cpu/online")),
        memory=int(number(match(r"(\d+) kB", first(small, "/proc/meminfo")))) // 1024,
        swaps=tuple(line.split()[0] for line in small.get("/proc/swaps", [])[1:] if line.split()),
        tools=frozenset(one("tools").split()),
        nft_version=tuple(int(part) for part in re.findall(r"\d{1,9}", match(r"v([\d.]+)", one("nft")))),
        nft_usable="usable" in section("chains"),
        modules=dict(pair(text) for text in plain.get("module", [])),
        module_tree=one("modules") or "none",
        sysctls=sysctls(plain.get("sysctl", []), section("mounts")),
        links=tuple(links(section("links"))),
        addresses=tuple(addresses(section("addresses"))),
        routes=tuple(routes(section("routes"))),
        listeners=tuple(listeners(section("listening"))),
        mounts=tuple(mounts(section("mounts"))),
        spaces=tuple(spaces(section("space"))),
        units=known,
        paths=tuple(plain.get("path", [])),
        chains=names,
        drop_policies=drops,
        proxies=dict(assignment(text) for text in plain.get("proxy", []) if "=" in text),
        nameservers=tuple(nameservers(small.get(resolv_conf, ()))),
        resolv_conf=resolv_conf,
        ufw=ufw,
        selinux_enforcing=first(small, "/sys/fs/selinux/enforce") == "1",
        recorded=one("recorded") == "yes",
        cluster=cluster(small.get("/var/lib/kinstall/cluster.json", ())),
        real_paths=dict(pair(text) for text in plain.get("real", [])),
        boot_sysctls=boot_sysctls(section("boot"), ufw=ufw),
        lines={key: tuple(texts) for key, texts in {**plain, **small}.items()},
    )


def sections(lines: Iterable[str], mark: str = "==") -> tuple[dict[str, list[str]], bool]:
    """(section → its lines, whether first and last line were there); plain lines are in the section without a name."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in lines:
        if current is None:
            if line == "kinstall-facts 1":
                current = found.setdefault("", [])
        elif line == f"{mark} end":
            return found, True
        elif line.startswith(f"{mark} "):
            current = found.setdefault(line[len(mark) + 1 :], [])
        else:
            current.append(line)
    return found, False


def pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition(" ")
    return key, value.strip()


def keyed(lines: Iterable[str]) -> dict[str, list[str]]:
    """`KEY VALUE` lines: key → its values."""
    values: dict[str, list[str]] = {}
    for key, value in map(pair, lines):
        values.setdefault(key, []).append(value)
    return values


def assignment(text: str) -> tuple[str, str]:
    """NAME=value as os-release and /etc/environment write it, without quotes."""
    key, _, value = text.partition("=")
    return key.strip(), value.strip().strip("\"'")


def number(text: str, default: float = 0.0) -> float:
    """Leading digits only: a date without nanoseconds prints `1700000000.N`."""
    found = re.match(r"\d{1,15}(\.\d+)?", text)
    return float(found[0]) if found else default


def match(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


def small_files(lines: Iterable[str]) -> dict[str, list[str]]:
    """PATH:LINE lines; a path holds no colon."""
    found: dict[str, list[str]] = {}
    for line in lines:
        path, colon, text = line.partition(":")
        if colon and path.startswith("/"):
            found.setdefault(path, []).append(text)
    return found


def first(files: SmallFiles, path: str) -> str:
    return next(iter(files.get(path, ())), "").strip()


def cpus(online: str) -> int:
    """`0-3,6` are five."""
    count = 0
    for part in filter(None, online.split(",")):
        if span := re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part, re.ASCII):
            count += int(span[2] or span[1]) - int(span[1]) + 1
    return count


def cgroups(files: SmallFiles) -> tuple[int, frozenset[str]]:
    """(version, enabled controllers). A hybrid layout is version 1: its controllers are there."""
    if "/sys/fs/cgroup/cgroup.controllers" in files:
        return 2, frozenset(first(files, "/sys/fs/cgroup/cgroup.controllers").split())
    rows = (line.split() for line in files.get("/proc/cgroups", ()) if not line.startswith("#"))
    return 1, frozenset(row[0] for row in rows if len(row) == 4 and row[3] == "1")


def sysctls(states: Iterable[str], mounts_lines: Iterable[str]) -> dict[str, bool]:
    """A shell's own `-w` may only look at root's rights, so a read-only /proc/sys counts too."""
    read_only = any(mount.path == "/proc/sys" and "ro" in mount.options for mount in mounts(mounts_lines))
    return {name: state == "writable" and not read_only for name, state in map(pair, states)}


def links(lines: Iterable[str]) -> Iterator[Link]:
    for line in lines:
        if found := re.match(r"\d+: ([^:@\s]+)(?:@\S+)?:", line):
            mac = match(r"link/\w{1,32} ([0-9a-f:]{17})", line)
            yield Link(found[1], mac, int(number(match(r" mtu (\d+)", line))))


def addresses(lines: Iterable[str]) -> Iterator[tuple[str, Interface]]:
    for line in lines:
        if found := re.match(r"\d+:\s+(\S+)\s+inet ([\d.]+)(?: peer [\d./]+|(/\d+))?", line):
            try:
                yield found[1], parse_interface(found[2] + (found[3] or "/32"))
            except ValueError:
                continue


def routes(lines: Iterable[str]) -> Iterator[Route]:
    """Unicast routes; what is local, broadcast or refused is no way to anywhere."""
    for line in lines:
        words = line.split()
        if words and words[0] == "unicast":
            del words[0]
        if not words or not (words[0] == "default" or words[0][0].isdigit()):
            continue
        try:
            destination = ANYWHERE if words[0] == "default" else parse_range(words[0], aligned=False)
        except ValueError:
            continue
        options = dict(pairwise(words))
        yield Route(destination, options.get("dev", ""), options.get("via", ""), options.get("table", "main"))


def listeners(lines: Iterable[str]) -> Iterator[Listener]:
    """Rows of `ss -ltnup`, or PATH:ROW of /proc/net/{tcp,udp}.

    A process may have line breaks in its name, of which the kernel keeps 15 bytes: too few for a row of its own.
    """
    for line in lines:
        if row := _PROC_ROW.match(line):
            yield Listener(row[1], _proc_address(row[2]), int(row[3], 16))
        elif row := _SS_ROW.match(line):
            yield Listener(row[1], row[2].strip("[]"), int(row[3]), match(r'users:\(\("([^"]+)"', line))


_PROC_ROW = re.compile(r"/proc/net/(tcp|udp)6?: *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ")
_SS_ROW = re.compile(r"(tcp|udp) +(?:LISTEN|UNCONN) +\d+ +\d+ +(\S+):(\d{1,5}) +\S+", re.ASCII)


def _proc_address(text: str) -> str:
    """The kernel prints an address as words in the machine's byte order (little-endian wherever this runs)."""
    if len(text) == 8:
        return str(parse_address(bytes.fromhex(text)[::-1]))
    return "::" if not text.strip("0") else text


def mounts(lines: Iterable[str]) -> Iterator[Mount]:
    for words in (line.split() for line in lines):
        if len(words) >= 4:
            yield Mount(words[1], words[2], tuple(words[3].split(",")))


def spaces(lines: Iterable[str]) -> Iterator[Space]:
    listed = set()
    for words in (line.split() for line in lines):
        if len(words) >= 6 and _SIZE.fullmatch(words[1]) and _SIZE.fullmatch(words[3]) and words[5] not in listed:
            listed.add(words[5])
            yield Space(words[5], int(words[1]) * 1024, int(words[3]) * 1024, words[0])


_SIZE = re.compile(r"\d{1,18}", re.ASCII)


def units(lines: Iterable[str]) -> dict[str, SystemdUnit]:
    """Blocks of `systemctl show`, parted by empty lines."""
    found = {}
    for block in "\n".join(lines).split("\n\n"):
        shown = dict(assignment(line) for line in block.splitlines() if "=" in line)
        if shown.get("LoadState") in ("loaded", "masked", "bad-setting", "error") and shown.get("Id"):
            found[shown["Id"]] = SystemdUnit(
                shown["Id"],
                shown.get("ActiveState") in ("active", "activating", "reloading"),
                shown.get("UnitFileState") in ("enabled", "enabled-runtime"),
                shown.get("FragmentPath", ""),
                tuple(shown.get("DropInPaths", "").split()),
            )
    return found


def chains(lines: Iterable[str]) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    """(names of chains and tables, (hook, where) of base chains that drop by default), of nft and legacy iptables."""
    names, drops = set(), []
    table = chain = ""
    for line in map(str.strip, lines):
        if line.startswith("table "):
            table = line.rstrip("{ ")
            names.add(table)
        elif line.startswith("chain "):
            chain = line.split()[1]
            names.add(chain)
        elif "policy drop" in line and (found := re.search(r"hook (input|forward) ", line)):
            drops.append((found[1], f"{table}, chain {chain}" if chain else table))
            chain = ""
        elif "hook " in line:
            chain = ""
        elif line.startswith("-N "):
            names.add(line.split()[1])
        elif found := re.match(r"-P (INPUT|FORWARD) DROP", line):
            drops.append((found[1].lower(), f"iptables filter, chain {found[1]}"))
    return frozenset(names), tuple(drops)


def nameservers(lines: Iterable[str]) -> Iterator[str]:
    for words in (line.split() for line in lines):
        if len(words) >= 2 and words[0] == "nameserver":
            yield words[1]


def cluster(lines: Sequence[str]) -> Mapping[str, Any] | None:
    """What kinstall left of the cluster that the node belongs to; an unreadable file is a cluster without a name."""
    if not lines:
        return None
    try:
        found = json.loads("\n".join(lines))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
