"""The lab as an object: what pytest's fixtures and the command line use."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests.lab import cache, cgroups, description, images, mirror_tree, network, offline, services, sysctls
from tests.lab.built import build
from tests.lab.hosts import Host
from tests.lab.paths import cache_dir, runtime_dir
from tests.lab.progress import waiting_for
from tests.lab.served import Served
from tests.lab.shell import LabError, run
from tests.lab.versions import versions

DEFAULT_HOSTS = 3
MAX_HOSTS = 60
HOSTS_EACH = 8
"""How many hosts the demo and each pytest worker may use."""

_NETNS = Path("/run/netns")
_NSPAWN = Path("/run/systemd/nspawn")
_FOLDERS = (_NETNS, _NSPAWN)


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
        self._logs = self.directory / "logs"
        self._served = Served(self.directory / "served")

    # Life

    def up(self, count: int = DEFAULT_HOSTS) -> "Lab":
        """Have at least `count` hosts running, and the mirror and the registry. What already runs is left alone."""
        with self._founded(range(1, count + 1)) as hosts:
            _boot([host for host in hosts if host.pid is None])
        return self

    @contextmanager
    def _founded(self, indexes: range) -> Iterator[list[Host]]:
        """The lock of the lab, with everything there that these hosts need but their being on. Others stay as they are:
        somebody may just have powered them off."""
        if not (indexes and indexes[0] >= 1 and indexes[-1] <= MAX_HOSTS):
            raise LabError(f"between 1 and {MAX_HOSTS} hosts, not {indexes[-1] if indexes else 0}")
        if reason := why_not():
            raise LabError(reason)
        built = build()
        with self._locked():
            self._lay_foundations()
            for name, site in built.sites.items():
                self._served.add_site(name, site)
            self._served.add_images(versions().default.version, built.images)
            services.start(self._logs, self._served.sites, self._served.storage)
            for index in indexes:
                self._add(index, built.tree)
            yield [host for host in self.hosts if host.index in indexes]

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

    # What is served beside the default release: made when someone asks for it (minutes, once), while the lab is up.

    def release(self, version: str) -> "Lab":
        """Have another release (`1.36.3`) on the mirror and in the registry."""
        release = versions().release(version)
        site, written = mirror_tree.of_release(release), images.written(release)
        with self._locked():
            self._must_be_up()
            self._served.add_site(version, site)
            self._served.add_images(version, written)
        return self

    def offline(self, version: str) -> dict[str, Any]:
        """Have a release's server tarball on the mirror, archives of the other images and a folder of release files.

        Returns what `describe()["offline"][version]` has.
        """
        self.release(version)
        written = offline.written(versions().release(version))
        with self._locked():
            self._must_be_up()
            self._served.add_site(f"{offline.PREFIX}{version}", written.site)
        return written.describe(services.MIRROR_URL)

    def private_registry(self) -> dict[str, str]:
        """Have the registry a second time, with TLS and a password.

        Returns what `describe()["privateRegistry"]` has.
        """
        with self._locked():
            self._must_be_up()
            services.start_private(self._logs, description.private_home(self.directory), self._served.storage)
        return description.of_private_registry(self.directory)

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
        return description.mirror_log(self.directory)

    def bare_hosts(self, count: int) -> list[Host]:
        """`count` hosts as they were after their first boot, from `first_host()` on."""
        with self._founded(range(first_host(), first_host() + count)) as hosts:
            off = [host for host in hosts if host.pid is None]
        # They are this process's own, so others need not wait for them.
        in_parallel(Host.remove_disk, off)
        _boot(off)
        if on := [host for host in hosts if host not in off]:
            with waiting_for(f"resetting {', '.join(host.name for host in on)}"):
                in_parallel(Host.reset_disk, on)
        return hosts

    def cut_off(self) -> None:
        """Cut the power of the hosts that `bare_hosts` gave out."""
        own = range(first_host(), first_host() + HOSTS_EACH)
        in_parallel(Host.power_off, [host for host in self.hosts if host.index in own and host.pid is not None])

    def downloads(self) -> dict[str, str]:
        """For an answers file's `downloads`: the download sites' places on the mirror."""
        return description.downloads()

    def describe(self) -> dict[str, Any]:
        """The lab as `up --json` prints it. Of Kubernetes' releases it has those that are served."""
        return description.of_lab(self.directory, self.hosts, self._served)

    # Parts

    def _must_be_up(self) -> None:
        if not self._before():
            raise LabError("the lab is not up: there is nothing to add this to")

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


def _boot(hosts: Sequence[Host]) -> None:
    if hosts:
        with waiting_for(f"booting {', '.join(host.name for host in hosts)}"):
            in_parallel(Host.power_on, hosts)


def in_parallel(action: Callable[[Host], None], hosts: Iterable[Host]) -> None:
    """Do it to all hosts at once; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        for done in [pool.submit(action, host) for host in hosts]:
            done.result()


def machine() -> dict[str, str]:
    """What a bug report about the lab should say of the machine."""
    systemd = subprocess.run(["systemd-nspawn", "--version"], capture_output=True, text=True, check=False).stdout
    return {
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "cores": str(os.cpu_count()),
        "nspawn": (systemd.splitlines() or ["missing"])[0],
    }
