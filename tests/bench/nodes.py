"""Real sshd processes on loopback. Each is a node of its own: a Debian tree of its own (what is written there is kept
in memory), its own mounts and processes. Ending the one process that holds a node takes all of it away.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.lab import cache, toolchain, tree
from tests.lab.shell import LabError, run
from tests.lab.versions import versions

PACKAGES = ("openssh-server", "python3")  # the Python is for ansible

WRITTEN = ("/srv", "/var/lib/kinstall", "/run/kinstall", "/tmp")
"""The folders of a node that a measurement writes to, emptied before the next one."""

_UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_NODE = """
set -e
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=$2,upperdir=upper,workdir=work" root
mount -t proc proc root/proc
mount --bind /dev root/dev
mkdir -p root/run/sshd root/root/.ssh root/etc/ssh
cp "$3/id.pub" root/root/.ssh/authorized_keys
cp "$3/host" root/etc/ssh/host
chmod 700 root/root/.ssh
exec chroot root /usr/sbin/sshd -D -e -f /dev/null -o HostKey=/etc/ssh/host -o UsePAM=no -o PermitRootLogin=yes \
  -o ListenAddress=127.0.0.1 -o Port="$4" -o MaxStartups=200 -o PidFile=none \
  -o Subsystem="sftp /usr/lib/openssh/sftp-server"
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A running node. `pid` is its first process, as this machine numbers it."""

    name: str
    port: int
    pid: int
    held_by: subprocess.Popen[bytes]

    @property
    def enter(self) -> tuple[str, ...]:
        """The words before a command that runs inside, without SSH."""
        return ("nsenter", f"--target={self.pid}", "--mount", "--pid", "--root", "--wd")

    def run(self, program: str) -> str:
        return run([*self.enter, "/bin/sh", "-c", program], timeout=60)


@dataclass(frozen=True, slots=True)
class Farm:
    """Some nodes, with the key that opens them and the fingerprint they all show."""

    folder: Path
    nodes: tuple[Node, ...]
    host_key: str

    @property
    def key(self) -> Path:
        return self.folder / "id"

    def clean(self) -> None:
        """Forget what was done on the nodes."""
        words = " ".join(f"{folder}/* {folder}/.[!.]*" for folder in WRITTEN)
        for node in self.nodes:
            node.run(f"rm -rf {words}")


@contextmanager
def farm(count: int) -> Iterator[Farm]:
    """`count` nodes, taken away at the end."""
    below = _tree()
    folder = Path(tempfile.mkdtemp(prefix="kinstall-bench-", dir="/run"))
    held: list[subprocess.Popen[bytes]] = []
    try:
        for name in ("id", "host"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name])
        ports = _free_ports(count)
        for number, port in enumerate(ports, 1):
            home = folder / f"n{number}"
            home.mkdir()
            with (folder / f"n{number}.log").open("wb") as log:
                words = [*_UNSHARE, "/bin/sh", "-c", _NODE, "node", str(home), str(below), str(folder), str(port)]
                held.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        nodes = tuple(
            _awaited(f"n{number}", port, process, folder / f"n{number}.log")
            for number, (port, process) in enumerate(zip(ports, held, strict=True), 1)
        )
        yield Farm(folder, nodes, run(["ssh-keygen", "-lf", folder / "host.pub"]).split()[1])
    finally:
        for process in held:
            process.kill()  # --kill-child: the node's first process goes with it, and with that all others
        for process in held:
            process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _tree() -> Path:
    """A Debian with sshd, made once."""
    toolchain.ensure_packages()

    def build(directory: Path) -> None:
        tree._bootstrap(directory / "root", "minbase", PACKAGES)
        shutil.rmtree(directory / "root/var/cache/apt", ignore_errors=True)

    return cache.entry("bench-tree", cache.key_of(versions().debian.release, PACKAGES), build) / "root"


def _free_ports(count: int) -> Sequence[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _awaited(name: str, port: int, process: subprocess.Popen[bytes], log: Path) -> Node:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            if connection.recv(4) == b"SSH-":
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                return Node(name, port, int(children[0]), process)
        time.sleep(0.02)
    raise LabError(f"the sshd of {name} did not start: {log.read_text(errors='replace')[-1000:]}")
