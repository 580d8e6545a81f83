"""The lab as an object: what pytest's fixtures and the command line use."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import cache, cgroups, images, mirror_tree, network, programs, services, sysctls, toolchain, tree
from tests.lab.hosts import Host
from tests.lab.paths import cache_dir, runtime_dir
from tests.lab.progress import waiting_for
from tests.lab.shell import LabError, run
from tests.lab.versions import kubernetes_module, versions

DEFAULT_HOSTS = 3
MAX_HOSTS = 60
HOSTS_EACH = 8
"""How many hosts the demo and each pytest worker may use."""

_NETNS = Path("/run/netns")
_NSPAWN = Path("/run/systemd/nspawn")
_FOLDERS = (_NETNS, _NSPAWN)


@dataclass(frozen=True, slots=True)
class Built:
    """What the cache holds: everything that is slow to make."""

    tree: Path
    site: Path
    images: images.Images


def build() -> Built:
    """Fill the cache: seconds when it is full, about twelve minutes on two cores when it is empty."""
    toolchain.ensure_packages()
    # The longest first: with it in hand, every other failure is found soon.
    for release in versions().kubernetes:
        programs.compiled(kubernetes_module(release))
    written = images.written()
    site = mirror_tree.written()
    programs.compiled(versions().module("registry"))
    return Built(tree.host_tree(), site, written)


def why_not() -> str | None:
    """Why the lab cannot run on this machine, in a sentence; None where it can."""
    if platform.system() != "Linux":
        return "the lab needs Linux: its hosts are systemd-nspawn containers"
    if platform.machine() != "x86_64":
        return "the lab's programs are compiled for x86_64"
    if os.geteuid() != 0:
        return "the lab needs root: it makes network namespaces, mounts and cgroups"
    if shutil.which("apt-get") is None and shutil.which("systemd-nspawn") is None:
        return "the lab needs systemd-nspawn and a way (apt-get) to install it"
    return None


def first_host() -> int:
    """The number of the first host that is this process's to use: each pytest worker has some of its own.

    The first ones are the demo's. KINSTALL_LAB_FIRST begins elsewhere, for several people who share a lab.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return int(os.environ.get("KINSTALL_LAB_FIRST", HOSTS_EACH + 1)) + HOSTS_EACH * int(worker)


class Lab:
    """One lab per machine. Its state is on disk and in the kernel: every `Lab()` sees the same one."""

    def __init__(self) -> None:
        self.directory = runtime_dir()
        self._client_key = self.directory / "id_ed25519"

    # Life

    def up(self, count: int = DEFAULT_HOSTS) -> "Lab":
        """Have at least `count` hosts running, and the mirror and the registry. What already runs is left alone."""
        return self._have(range(1, count + 1))

    def _have(self, indexes: range) -> "Lab":
        """Have these hosts running. Others stay as they are: somebody may just have powered them off."""
        if not (indexes and indexes[0] >= 1 and indexes[-1] <= MAX_HOSTS):
            raise LabError(f"between 1 and {MAX_HOSTS} hosts, not {indexes[-1] if indexes else 0}")
        if reason := why_not():
            raise LabError(reason)
        built = build()
        with self._locked():
            self._lay_foundations()
            services.start(self.directory / "logs", built.site, built.images.storage)
            for index in indexes:
                self._add(index, built.tree)
            stopped = [host for host in self.hosts if host.index in indexes and host.pid is None]
            if stopped:
                with waiting_for(f"booting {', '.join(host.name for host in stopped)}"):
                    in_parallel(Host.power_on, stopped)
        return self

    def down(self) -> None:
        """Take everything away again, whatever state an earlier `up` was in when it ended."""
        with self._locked():
            before = self._before()
            failures = []
            for step in (
                cgroups.kill,
                self._unmount,
                network.remove_all,
                cgroups.remove,
                lambda: sysctls.put_back(before.get("sysctls", {})),
                lambda: self._remove_folders(before.get("folders", [])),
            ):
                try:
                    step()
                except (LabError, OSError) as error:  # what can be taken away is, and the rest is told
                    failures.append(str(error))
            if failures:
                raise LabError(f"down is not complete, run it again: {'; '.join(failures)}")
            if self.directory.exists():
                shutil.rmtree(self.directory)

    # What is there

    @property
    def hosts(self) -> list[Host]:
        """All hosts, running or not, h1 first."""
        found = []
        for directory in (self.directory / "hosts").glob("h*"):
            index = int(directory.name[1:])
            # A host stays on the tree it was made with, even where a newer one was built since.
            below = Path((directory / "tree").read_text()) if (directory / "tree").exists() else Path()
            found.append(Host(directory.name, index, directory, below, self._client_key))
        return sorted(found, key=lambda host: host.index)

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    @property
    def identity_file(self) -> Path:
        return self._client_key

    @property
    def mirror_log(self) -> Path:
        """The mirror's access log: time, client and request per line."""
        return self.directory / "logs/mirror-access.log"

    def bare_hosts(self, count: int) -> list[Host]:
        """`count` hosts as they were after their first boot, from `first_host()` on."""
        indexes = range(first_host(), first_host() + count)
        self._have(indexes)
        chosen = [host for host in self.hosts if host.index in indexes]
        with waiting_for(f"resetting {', '.join(host.name for host in chosen)}"):
            in_parallel(Host.reset_disk, chosen)
        return chosen

    def downloads(self) -> dict[str, str]:
        """For an answers file's `downloads`: the download sites' places on the mirror."""
        return {name: f"{services.MIRROR_URL}/{prefix}" for name, prefix in mirror_tree.PREFIXES.items()}

    def describe(self) -> dict[str, Any]:
        """The lab as `up --json` prints it."""
        built = build()
        made = versions()
        return {
            "bridge": {"name": network.BRIDGE, "address": network.BRIDGE_ADDRESS, "cidr": network.CIDR},
            "hosts": [_describe(host) for host in self.hosts],
            "mirror": {
                "url": services.MIRROR_URL,
                "downloads": self.downloads(),
                "digests": mirror_tree.digests(built.site),
                "accessLog": str(self.mirror_log),
            },
            "registry": {
                "url": services.REGISTRY_URL,
                "images": built.images.digests,
                "layout": str(built.images.layout),
            },
            "versions": {
                "kubernetes": [release.version for release in made.kubernetes],
                "pause": made.pause,
                "agnhost": made.agnhost,
                **{name: module.version for name, module in made.modules.items()},
            },
            "services": services.running(),
            "directory": str(self.directory),
        }

    # Parts

    def _locked(self) -> AbstractContextManager[None]:
        # Beside the runtime directory and not in it: `down` removes that.
        return cache.locked(cache_dir() / ".lab.lock", "the lab")

    def _lay_foundations(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        self._remember()
        sysctls.set_for_lab()
        network.create_bridge()
        if not Path(f"{self._client_key}.pub").exists():
            self._client_key.unlink(missing_ok=True)
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kinstall-lab", "-f", self._client_key])

    def _remember(self) -> None:
        """Write down how the machine was, unless an earlier `up` did."""
        if not self._before():
            there = [str(path) for path in _FOLDERS if path.exists()]
            partial = self.directory / "before.partial"
            partial.write_text(json.dumps({"sysctls": sysctls.listing(), "folders": there}))
            partial.rename(self.directory / "before.json")

    def _before(self) -> dict[str, Any]:
        file = self.directory / "before.json"
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return found

    def _remove_folders(self, before: list[str]) -> None:
        """Folders that `ip netns` and systemd-nspawn make by themselves and leave behind."""
        if not self._before():
            return
        if str(_NETNS) not in before:
            network.remove_namespace_folder()
        if str(_NSPAWN) not in before and _NSPAWN.exists():
            shutil.rmtree(_NSPAWN)

    def _add(self, index: int, below: Path) -> None:
        directory = self.directory / "hosts" / f"h{index}"
        directory.mkdir(parents=True, exist_ok=True)
        if not (directory / "tree").exists():
            (directory / "tree").write_text(str(below))

    def _unmount(self) -> None:
        points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        mine = [point for point in points if Path(re.sub(r"\\040", " ", point)).is_relative_to(self.directory)]
        for point in reversed(mine):
            run(["umount", point])


def in_parallel(action: Callable[[Host], None], hosts: Iterable[Host]) -> None:
    """Do it to all hosts at once; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        for done in [pool.submit(action, host) for host in hosts]:
            done.result()


def _describe(host: Host) -> dict[str, Any]:
    return {
        "name": host.name,
        "address": host.address,
        "sshPort": host.ssh_port,
        "user": host.user,
        "identityFile": str(host.client_key),
        "hostKey": host.host_key,
        "knownHosts": str(host.directory / "known_hosts"),
        "macAddress": host.mac_address,
        "machineId": host.machine_id,
        "pid": host.pid,
        "running": host.pid is not None,
        "root": str(host.root),
        "console": str(host.directory / "console.log"),
        "users": [
            {"name": "admin", "sudo": "password", "password": tree.ADMIN_PASSWORD},
            {"name": "ops", "sudo": "nopasswd"},
        ],
    }


def machine() -> dict[str, str]:
    """What a bug report about the lab should say of the machine."""
    systemd = subprocess.run(["systemd-nspawn", "--version"], capture_output=True, text=True, check=False).stdout
    return {
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "cores": str(os.cpu_count()),
        "nspawn": (systemd.splitlines() or ["missing"])[0],
    }
