"""What a host that does not come up is doing: its systemd, its network from inside and outside, its last words."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import cgroups, network
from tests.lab.shell import LabError

if TYPE_CHECKING:
    from tests.lab.hosts import Host

_SECONDS = 8
_LINES = 40

_INSIDE = (
    "systemctl is-system-running",
    "systemctl list-jobs --no-pager",
    "systemctl --failed --plain --no-legend --no-pager",
    "ip -br address",
    "ip route",
    "networkctl --no-pager",
    "ss -Hltn",
    "uptime",
    f"journalctl -b -q --no-pager -o short-monotonic -n {_LINES}",
)


def report(host: Host) -> str:
    """Everything that is worth knowing, as text; what cannot be asked is told as such. Takes seconds, never minutes."""
    asked = [(f"processes of {host.name}", _processes(host)), ("console", _console(host))]
    asked += [(command, _outside(command)) for command in _around(host)]
    if host.pid is None:
        asked.append(("inside", "there is no PID 1"))
    else:
        asked += [(command, _inside(host, command)) for command in _INSIDE]
    return "\n".join(f"--- {what}\n{text.rstrip() or '(nothing)'}" for what, text in asked)


def _around(host: Host) -> tuple[str, ...]:
    link, space = network.outer_link(host.name), network.namespace(host.name)
    return (
        f"ip -d link show {link}",
        f"ip -n {space} -br address",
        f"ip neigh show {host.address}",
        f"bridge fdb show br {network.BRIDGE} | grep {host.mac_address}",
        "cat /proc/loadavg /proc/pressure/cpu",
    )


def _inside(host: Host, command: str) -> str:
    try:
        done = host.run(command, check=False, timeout=_SECONDS)
    except LabError as error:
        return str(error)
    return done.stdout + done.stderr


def _outside(command: str) -> str:
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no end after {_SECONDS} s"
    return done.stdout + done.stderr


def _processes(host: Host) -> str:
    """Each process with its state and the kernel function it waits in."""
    told = []
    for pid in sorted(cgroups.pids(host.name)):
        place = Path(f"/proc/{pid}")
        try:
            name, state = (place / "comm").read_text().strip(), (place / "stat").read_text().rpartition(") ")[2][:1]
            told.append(f"{pid} {state} {name} {_waits_in(place)}")
        except OSError:
            continue  # it ended meanwhile
    return "\n".join(told)


def _waits_in(place: Path) -> str:
    try:
        return (place / "wchan").read_text()
    except OSError:
        return ""


def _console(host: Host) -> str:
    log = host.directory / "console.log"
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""
