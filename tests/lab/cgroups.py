"""A cgroup per host, in every hierarchy the machine has.

Each host's systemd-nspawn starts in one of its own, so its cgroup namespace is rooted there: two kubelets on one
machine would otherwise delete each other's pods. It is also how the lab finds its processes again, whoever started
them: what is in a `kinstall-lab` cgroup is the lab's.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from tests.lab.shell import LabError

_NAME = "kinstall-lab"

# The kernel shares the processor out among groups, and what runs outside of any counts one group per session. A lab of
# twenty hosts with the weight of one shell starves beside a compiler or a test run: hosts that need half a second of
# the processor to boot then had no sshd after 90.
_WEIGHTS = {"cpu.shares": "8192", "cpu.weight": "800"}
"""Setting of the lab's own cgroup (v1, v2): eight times the default, as what tests it must not starve either."""


def create(member: str) -> list[Path]:
    """Make the cgroups of a host (or of the services) below the caller's own, one per hierarchy."""
    made = []
    for mount, own in _hierarchies():
        path = Path(f"{mount}{own if own != '/' else ''}")
        (path / _NAME).mkdir(exist_ok=True)
        for setting, weight in _WEIGHTS.items():
            if (path / _NAME / setting).exists():
                (path / _NAME / setting).write_text(weight)
        for part in (_NAME, member):
            path /= part
            path.mkdir(exist_ok=True)
            # A new cpuset is empty, and an empty one admits no process.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (path / setting).exists() and not (path / setting).read_text().strip():
                    (path / setting).write_text((path.parent / setting).read_text())
        made.append(path)
    return made


def pids(member: str = "") -> set[int]:
    """The processes of one host, of the services, or of the whole lab."""
    found: set[int] = set()
    for root in _roots():
        for directory, _, files in os.walk(root / member):
            if "cgroup.procs" in files:
                with suppress(OSError):
                    found |= {int(line) for line in (Path(directory) / "cgroup.procs").read_text().split()}
    return found - {0, os.getpid()}


def kill(member: str = "", *, seconds: float = 20) -> None:
    """End every process of a host, or of the lab, and wait until the kernel has taken them away."""
    deadline = time.monotonic() + seconds
    while left := pids(member):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        if time.monotonic() > deadline:
            raise LabError(f"these processes of the lab do not end: {sorted(left)}")
        time.sleep(0.05)


def remove(member: str = "") -> None:
    """Remove the cgroups again, the innermost first. The kernel may need a moment after the last process."""
    for root in _roots():
        for directory, _, _ in os.walk(root / member, topdown=False):
            for _ in range(40):
                try:
                    Path(directory).rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.05)
                else:
                    break


def _hierarchies() -> list[tuple[Path, str]]:
    """Each hierarchy's mount point, and the cgroup the caller is in there."""
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        own[controllers] = path
    found = []
    for mount, kind, options in _mounts():
        names = [name for name in own if name and set(name.split(",")) <= set(options)]
        if kind == "cgroup2" and "" in own:
            found.append((mount, own[""]))
        elif kind == "cgroup" and names:
            found.append((mount, own[names[0]]))
    return found


def _mounts() -> list[tuple[Path, str, list[str]]]:
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount, kind, options = line.split()[:4]
        if kind in ("cgroup", "cgroup2"):
            found.append((Path(mount), kind, options.split(",")))
    return found


def _roots() -> list[Path]:
    """Every `kinstall-lab` cgroup: another caller may have made its own below another parent."""
    found = []
    for mount, _, _ in _mounts():
        for directory, children, _ in os.walk(mount):
            if _NAME in children:
                found.append(Path(directory) / _NAME)
                children.remove(_NAME)
    return found
