"""`python -m tests.lab.machine 'make demo' 'make demo' 'make demo-down'`: the machine afterwards as it was before?

Runs the commands one after the other and compares two listings of this machine; exit 1 where they differ, or where a
command failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lab import sysctls
from tests.lab.snapshot import difference

_COMMANDS = {
    "link": "ip -o link show | sed -E 's/^[0-9]+: //; s/ (qlen|state) [^ ]+//g'",
    "address": "ip -o address show | sed -E 's/^[0-9]+: //; s/valid_lft.*//'",
    "route": "ip route show table all; ip -6 route show table all; ip rule show",
    "namespace": "ip netns list",
    "mount": "cut -d' ' -f2-4 /proc/self/mounts",
    "cgroup": "find /sys/fs/cgroup -type d",
    "nft": "nft list ruleset 2>/dev/null | sed -E 's/packets [0-9]+ bytes [0-9]+//'",
    "folder": "ls -d /run/netns /run/systemd/nspawn /run/systemd/nspawn/* /var/lib/kinstall-lab 2>/dev/null",
    "listening": "ss -Hlntu | awk '{print $1, $5}'",
}


def listing() -> dict[str, str]:
    """What of this machine the lab touches, as comparable strings."""
    found = {f"sysctl {name}": value for name, value in sysctls.listing().items()}
    for what, command in _COMMANDS.items():
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
        found |= {f"{what}: {line.rstrip()}": "" for line in done.stdout.splitlines() if line.strip()}
    return found | {f"process: {words}": "" for words in _processes()}


def _processes() -> set[str]:
    """Command lines of all processes but kernel threads, this one and the ones it comes from."""
    own = _ancestors()
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue  # it ended meanwhile
        if words and int(place.name) not in own:
            found.add(words)
    return found


def _ancestors() -> set[int]:
    pid, found = os.getpid(), set[int]()
    while pid:
        found.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    return found


def main(commands: list[str]) -> int:
    before = listing()
    for command in commands:
        print(f"machine: {command} …", file=sys.stderr, flush=True)
        if status := subprocess.run(command, shell=True, check=False).returncode:  # noqa: S602 - the caller's own words
            print(f"machine: {command}: exit {status}", file=sys.stderr)
            return 1
    told = difference(before, listing())
    print("\n".join(told) or f"the machine is as it was: {len(before)} things compared")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
