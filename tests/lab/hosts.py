"""One host: a Debian with its own systemd, sshd, address and disk, under systemd-nspawn in its own namespaces.

Its disk is an overlay over the cached Debian tree, with real directories at /var/lib/containerd and /var/lib/kubelet,
because containerd's overlays do not stack on another overlay. Disk, keys and machine id survive a power cycle; what is
in memory (network configuration, mounts, processes) does not.
"""

import hashlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.lab import boot_report, cgroups, faults, network, snapshot
from tests.lab.progress import say
from tests.lab.shell import LabError, run

BOOT_SECONDS = 90
"""How long a host may take to boot. On an idle machine it is a second, beside much other work fifteen."""

_REAL_DIRECTORIES = ("containerd", "kubelet")

_NETWORK = """\
[Match]
Name=eth0

[Network]
Address={address}/{length}
Gateway={gateway}
IPv6AcceptRA=no
IPv6DuplicateAddressDetection=0
"""

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


class BootedTwice(UserWarning):
    """A host needed a second try to come up."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command on a host printed, and its exit status."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Host(faults.Faults):
    """A host of the lab, running or not. `directory` holds its disk and keys, `tree` is the Debian under it."""

    name: str
    index: int
    directory: Path
    tree: Path
    client_key: Path

    ssh_port = 22
    user = "root"

    @property
    def address(self) -> str:
        return network.address(self.index)

    @property
    def mac_address(self) -> str:
        return network.mac(self.index)

    @property
    def machine_id(self) -> str:
        return hashlib.sha256(f"kinstall lab {self.name}".encode()).hexdigest()[:32]

    @property
    def root(self) -> Path:
        """The host's file system as seen from this machine, mounted whether or not the host runs."""
        return self.directory / "root"

    @property
    def upper(self) -> Path:
        """Only what differs from the tree."""
        return self.directory / "upper"

    @cached_property
    def host_key(self) -> str:
        """The fingerprint of the host's ssh key: SHA256:…"""
        return run(["ssh-keygen", "-l", "-f", self.directory / "ssh_host_ed25519_key.pub"]).split()[1]

    @property
    def ssh_args(self) -> list[str]:
        """Arguments of `ssh` that reach the host as root and accept only its own key."""
        known = self.directory / "known_hosts"
        options = [f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "ConnectTimeout=5"]
        flags = [word for option in options for word in ("-o", option)]
        place = ["-p", str(self.ssh_port), *flags, f"{self.user}@{self.address}"]
        return ["-F", "none", "-i", str(self.client_key), *place]

    # Power

    def power_on(self) -> None:
        """Boot, and come back when sshd answers and systemd has started everything.

        A host that ends or hangs while it boots is no failure of what is tested on it: it gets a second try, and that
        is told (with pytest among its warnings).
        """
        if self.pid is not None:
            return
        try:
            self._boot()
        except LabError as error:
            self.power_off()
            say(f"{error}\nlab: {self.name} IS BOOTED A SECOND TIME")
            warnings.warn(f"booted a second time: {error}", BootedTwice, stacklevel=2)
            self._boot()

    def power_off(self, *, clean: bool = False) -> None:
        """Cut the power, or (clean) shut down as `poweroff` does."""
        if clean and (leader := self.pid) is not None:
            # systemd's own signal for poweroff: SIGRTMIN+4
            os.kill(leader, signal.SIGRTMIN + 4)
            deadline = time.monotonic() + 60
            while cgroups.pids(self.name):
                if time.monotonic() > deadline:
                    say(f"{self.name} did not shut down within 60 s: cutting its power")
                    break
                time.sleep(0.05)
        # The cable first: processes killed one after another could still tell of each other's end: no power cut does.
        network.unplug(self.name)
        cgroups.kill(self.name)
        cgroups.remove(self.name)

    def power_cycle(self, *, clean: bool = False) -> None:
        self.power_off(clean=clean)
        self.power_on()

    def reset_disk(self) -> None:
        """Make it a bare host again: power off, forget everything written since the first boot, power on."""
        self.power_off()
        self.remove_disk()
        self.power_on()

    def remove_disk(self) -> None:
        (self.directory / "written").unlink(missing_ok=True)
        if self.root.is_mount():
            run(["umount", self.root])
        for name in ("upper", "work", *_REAL_DIRECTORIES):
            if (self.directory / name).exists():
                shutil.rmtree(self.directory / name)

    @property
    def pid(self) -> int | None:
        """The host's PID 1 as this machine numbers it, None when the host is off."""
        depth = len(_namespace_pids(os.getpid()))
        for pid in cgroups.pids(self.name):
            if _namespace_pids(pid)[depth:] == ["1"]:
                return pid
        return None

    # Commands

    def run(self, command: str, *, stdin: str = "", timeout: float = 60, check: bool = True) -> Result:
        """Run a shell command as root inside the host without ssh, so that it works with the link cut too."""
        leader = self.pid
        if leader is None:
            raise LabError(f"{self.name} is off")
        # Without the cd it would start in this machine's folder, out of the host's sight but not out of its reach.
        enter = ["nsenter", "--target", str(leader), "--all", "--root", "/bin/sh", "-c", f"cd / && {{\n{command}\n}}"]
        try:
            done = subprocess.run(
                enter, input=stdin, env=_ENVIRONMENT, capture_output=True, text=True, errors="replace", timeout=timeout
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name}: {command}: no end after {timeout:.0f} s") from None
        if check and done.returncode != 0:
            words = done.stderr.strip() or done.stdout.strip()
            raise LabError(f"{self.name}: {command}: exit {done.returncode}: {words}")
        return Result(done.returncode, done.stdout, done.stderr)

    def snapshot(self) -> dict[str, str]:
        """What the host looks like, for a comparison by `snapshot.difference`."""
        return snapshot.take(self)

    # Parts

    def _boot(self) -> None:
        self._prepare_disk()
        network.plug_in(self.name, self.mac_address)
        process = self._start()
        try:
            self._wait_until_up(process)
        except LabError:
            cgroups.kill(self.name)
            raise

    def _prepare_disk(self) -> None:
        """Mount the disk, and on a fresh one write what makes this host differ from its siblings."""
        self._make_keys()
        written = self.directory / "written"
        for name in ("root", "upper", "work", *_REAL_DIRECTORIES):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        if not self.root.is_mount():
            layers = f"lowerdir={self.tree},upperdir={self.upper},workdir={self.directory / 'work'}"
            run(["mount", "-t", "overlay", "-o", layers, f"kinstall-lab-{self.name}", self.root])
        if written.exists():
            return
        etc = self.root / "etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        (etc / "machine-id").write_text(f"{self.machine_id}\n")
        (etc / "systemd/network/10-eth0.network").write_text(
            _NETWORK.format(address=self.address, length=network.PREFIX_LENGTH, gateway=network.BRIDGE_ADDRESS)
        )
        for name, mode in (("ssh_host_ed25519_key", 0o600), ("ssh_host_ed25519_key.pub", 0o644)):
            shutil.copy(self.directory / name, etc / "ssh" / name)
            (etc / "ssh" / name).chmod(mode)
        for home in (self.root / "root", self.root / "home/admin", self.root / "home/ops"):
            self._authorize(home)
        written.touch()

    def _authorize(self, home: Path) -> None:
        owner = home.stat()
        folder, keys = home / ".ssh", home / ".ssh/authorized_keys"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
        keys.write_text(Path(f"{self.client_key}.pub").read_text())
        keys.chmod(0o600)
        for path in (folder, keys):
            os.chown(path, owner.st_uid, owner.st_gid)

    def _make_keys(self) -> None:
        """The host's ssh key: made once, so that a reset host still is the one that its peers trust."""
        self.directory.mkdir(parents=True, exist_ok=True)
        key = self.directory / "ssh_host_ed25519_key"
        if not Path(f"{key}.pub").exists():
            key.unlink(missing_ok=True)
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", key])
        words = Path(f"{key}.pub").read_text().split()
        (self.directory / "known_hosts").write_text(f"{self.address} {words[0]} {words[1]}\n")

    def _start(self) -> "subprocess.Popen[bytes]":
        binds = [f"--bind={self.directory / name}:/var/lib/{name}" for name in _REAL_DIRECTORIES]
        nspawn = [
            "systemd-nspawn",
            f"--directory={self.root}",
            f"--machine={self.name}",
            f"--network-namespace-path=/run/netns/{network.namespace(self.name)}",
            # The machine's own PID 1 is not systemd, or at least need not be.
            *("--boot", "--keep-unit", "--register=no", "--quiet", "--link-journal=no"),
            # What containers need inside: all capabilities, keyrings and bpf, the kernel's log for the kubelet.
            *("--capability=all", "--system-call-filter=@keyring bpf", "--bind=/dev/kmsg", *binds),
            # No resolver: else this machine's is copied in and pods send it queries.
            *("--resolv-conf=off", "--timezone=off", "--console=pipe"),
        ]
        joins = " ".join(shlex.quote(f"{path}/cgroup.procs") for path in cgroups.create(self.name))
        shell = f'for each in {joins}; do echo $$ > "$each"; done; exec "$@"'
        with (self.directory / "console.log").open("ab") as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", shell, self.name, *nspawn],
                env=os.environ | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_until_up(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not _answers(self.address, self.ssh_port):
            if process.poll() is not None:
                raise LabError(f"{self.name} ended while it booted:\n{boot_report.report(self)}")
            if time.monotonic() > deadline:
                what = f"{self.name}: no sshd on {self.address} after {BOOT_SECONDS} s"
                raise LabError(f"{what}:\n{boot_report.report(self)}")
            time.sleep(0.05)
        state = self.run("systemctl is-system-running --wait", check=False, timeout=BOOT_SECONDS).stdout.strip()
        if state != "running":
            failed = self.run("systemctl --failed --plain --no-legend", check=False).stdout.strip()
            say(f"{self.name} is up but {state}: {failed}")


def _namespace_pids(pid: int) -> list[str]:
    """A process's numbers, from this machine's namespace to its own."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return line.split()[1:]
    return []


def _answers(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=1) as connection:
        return connection.recv(4) == b"SSH-"
    return False
