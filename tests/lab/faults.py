"""How a host fails on demand. Each fault has its undoing; a power cycle undoes all but a wrong clock."""

import shlex
from typing import TYPE_CHECKING, Protocol

from tests.lab import network

if TYPE_CHECKING:
    from tests.lab.hosts import Result

# Hosts share this machine's clock, so the clock that is wrong is what `date` prints. It stands first in the PATH of
# root's and of other users' shells, and in sudo's.
_DATE = """\
#!/bin/sh
# The lab's wrong clock: off by {offset} seconds. Reading the clock is shifted; other uses pass through.
for word in "$@"; do
  case $word in -d*|--date*|-s*|--set*|-r*|--reference*|-f*|--file*) exec /usr/bin/date "$@" ;; esac
done
exec /usr/bin/date -d "{offset} seconds" "$@"
"""
_DATE_PLACES = ("/usr/local/sbin/date", "/usr/local/bin/date")

_SWAP = """\
Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/vdb                                partition\t2097148\t\t0\t\t-2
"""


class _Reachable(Protocol):
    @property
    def name(self) -> str: ...

    def run(self, command: str, *, stdin: str = "", timeout: float = 60, check: bool = True) -> "Result": ...


class Faults:
    """Mixed into Host."""

    def cut_link(self: _Reachable, *, carrier: bool = False) -> None:
        """Lose every packet to and from the host.

        By default as a switch that died: the host's interface stays up. With `carrier` as a pulled cable:
        systemd-networkd sees it, and takes addresses and routes away until the cable is back.
        """
        network.cut(self.name, carrier=carrier)

    def restore_link(self: _Reachable) -> None:
        network.restore(self.name)

    def fill_disk(self: _Reachable, path: str = "/var/lib/containerd", megabytes: int = 16) -> None:
        """Put a small, full file system over a directory: `df` shows it and every write below it fails.

        It covers what was there, so services that run must not have files open below it; it is gone after a power
        cycle.
        """
        place = shlex.quote(path)
        self.run(
            f"mkdir -p {place} && mount -t tmpfs -o size={megabytes}m,mode=0755 lab-full-disk {place}"
            f" && {{ dd if=/dev/zero of={place}/.lab-full bs=1M 2>/dev/null; true; }}"
        )

    def free_disk(self: _Reachable, path: str = "/var/lib/containerd") -> None:
        self.run(f"umount {shlex.quote(path)}")

    def wrong_clock(self: _Reachable, offset: int) -> None:
        """Let `date` be off by that many seconds, in shells over ssh, under sudo and in root's units with a PATH."""
        script = _DATE.format(offset=offset)
        for place in _DATE_PLACES:
            self.run(f"cat > {place} && chmod 0755 {place}", stdin=script)

    def right_clock(self: _Reachable) -> None:
        self.run(f"rm -f {' '.join(_DATE_PLACES)}")

    def swap_on(self: _Reachable) -> None:
        """Let /proc/swaps name a swap partition. Nothing is ever swapped to it."""
        self.run("cat > /run/lab-swaps && mount --bind /run/lab-swaps /proc/swaps", stdin=_SWAP)

    def swap_off(self: _Reachable) -> None:
        self.run("umount /proc/swaps && rm /run/lab-swaps")
