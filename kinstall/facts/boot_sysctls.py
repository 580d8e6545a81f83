"""What sets the kernel's settings at boot: files in the order in which systemd-sysctl reads them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname

_FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
"""Of files with the same name only the one in the first of these folders is read (sysctl.d(5))."""

_UFW = "/etc/ufw/sysctl.conf"
"""ufw sets it when it starts, which is after systemd-sysctl."""

_LINE = re.compile(r"(/[^:\s]{1,512}):(\d{1,6}):\s*-?\s*([A-Za-z0-9_./-]{1,200})\s*=\s*(.{0,200}?)\s*", re.ASCII)

_SAME = {"net/ipv4/conf/all/forwarding": "net/ipv4/ip_forward"}
"""Two names of one setting (Documentation/networking/ip-sysctl.rst)."""


@dataclass(frozen=True, slots=True)
class BootSysctl:
    """`path`, `line`: where it is written; `key` as below /proc/sys: `net/ipv4/ip_forward`."""

    path: str
    line: int
    key: str
    value: str


def boot_sysctls(lines: Sequence[str], *, ufw: bool) -> tuple[BootSysctl, ...]:
    """The settings of `lines` (all files' paths, then PATH:NUMBER:TEXT) in the order in which they are applied.

    Files are sorted by name, whatever folder they are in, and the last one counts. A name with a pattern in it never
    takes back one that is written out, so none is read here. `ufw`: whether ufw is in use.
    """
    paths = [line for line in lines if line.startswith("/") and ":" not in line and "*" not in line]
    read: dict[str, str] = {}
    for path in sorted(paths, key=_rank):
        if dirname(path) in _FOLDERS:
            read.setdefault(basename(path), path)
    found: dict[str, list[BootSysctl]] = {}
    for each in _settings(lines):
        found.setdefault(each.path, []).append(each)
    order = [*(read[name] for name in sorted(read)), *([_UFW] if ufw else ())]
    return tuple(each for path in order for each in found.get(path, ()))


def _rank(path: str) -> int:
    return _FOLDERS.index(dirname(path)) if dirname(path) in _FOLDERS else len(_FOLDERS)


def _settings(lines: Sequence[str]) -> Iterator[BootSysctl]:
    for line in lines:
        if found := _LINE.fullmatch(line):
            yield BootSysctl(found[1], int(found[2]), _key(found[3]), found[4])


def _key(text: str) -> str:
    """Where the first separator is a dot, dots and slashes mean one another (sysctl.d(5))."""
    first = next((letter for letter in text if letter in "./"), "/")
    key = text.translate(str.maketrans("./", "/.")) if first == "." else text
    return _SAME.get(key, key)
