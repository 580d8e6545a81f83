"""Real sshd processes on loopback, each in namespaces of its own: own users, own /run, and no process left behind.

`KINSTALL_SSHD` names another sshd than the installed one.
"""

import os
import platform
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kinstall.secrets import Secrets
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.channel import SshChannel
from kinstall.transport.ssh.connect import Connector
from kinstall.transport.target import SshTarget
from tests.lab.cache import entry, key_of

PASSWORD = "canary-login-9d1e"
# openssl passwd -6 -salt kinstalltests canary-login-9d1e
_HASH = "$6$kinstalltests$.Abrbzg5WmXTRhZSWFH7ZR/3vQ0GXSbuT/sXL7.Sb3G6h7Vd6ZzOrP9ez/iwe3Oa42s5P/mEbcd2pE8kwQCDw0"
GUEST = "guest"
PASSPHRASE = "canary-passphrase-51c0"

INSIDE = "/run/test"
"""Where a session sees the sshd's folder: others than root cannot look into pytest's."""

# It ends with the thread that started it, however that ends.
_UNSHARE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_NAMESPACE = """
mount -t tmpfs tmpfs /run && mkdir /run/sshd /run/test || exit 1
mount --bind "$1" /run/test || exit 1
mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow || exit 1
exec "$2" -D -e -f "$1/sshd_config"
"""


def find_sshd() -> str | None:
    """The sshd to test with: the one that is chosen or installed, or one that is unpacked, but not installed."""
    chosen = os.environ.get("KINSTALL_SSHD")
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    return chosen or shutil.which("sshd", path=path) or _unpacked()


@cache
def _unpacked() -> str | None:
    """An sshd out of the distribution's packages, in the cache: installing it would start one on this machine."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return None

    def unpack(folder: Path) -> None:
        print("fetching openssh-server for the tests of the SSH transport …", flush=True)
        subprocess.run(["apt-get", "-qq", "update"], check=False, capture_output=True)
        names = ["openssh-server", "libwrap0"]
        subprocess.run(["apt-get", "-qq", "download", *names], cwd=folder, check=True, capture_output=True)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True, capture_output=True)
            package.unlink()

    try:
        folder = entry("sshd", key_of("openssh-server", "libwrap0", platform.machine()), unpack)
    except (OSError, subprocess.CalledProcessError):
        return None
    libraries = ":".join(str(path) for path in (folder / "root/usr/lib").glob("*-linux-gnu"))
    started = folder / "sshd"
    if not started.exists():
        # sshd wants its absolute path as its own name; the wrapper keeps it.
        started.write_text(f'#!/bin/sh\nexec env LD_LIBRARY_PATH={libraries} {folder}/root/usr/sbin/sshd "$@"\n')
        started.chmod(0o755)
    return str(started)


def empty_home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A home without keys, and no agent: ssh's defaults of whoever runs the tests are not tried."""
    find_sshd()  # its cache is in the real home
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def why_not() -> str:
    """Why no sshd can be started here; "" where it can."""
    if not find_sshd():
        return "there is no sshd here: install openssh-server"
    if os.geteuid() != 0:
        return "an sshd with users of its own needs root"
    if not shutil.which("unshare") or not shutil.which("ssh-keygen"):
        return "unshare (util-linux) and ssh-keygen (openssh-client) are needed"
    return ""


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "", *options: str) -> Path:
    """Make a key pair with ssh-keygen."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path), *options], check=True
    )
    return path


def fingerprint(public: Path) -> str:
    """SHA256:… as ssh-keygen tells it."""
    out = subprocess.run(["ssh-keygen", "-lf", str(public)], check=True, capture_output=True, text=True).stdout
    return out.split()[1]


@dataclass
class Sshd:
    """One running sshd. `key` logs in as root and as guest; `host_keys` type → public key file."""

    directory: Path
    port: int
    host_keys: dict[str, Path]
    process: subprocess.Popen[bytes]
    address: str = "127.0.0.1"
    connector: Connector = field(default_factory=lambda: Connector(HostKeys(None, None), Secrets()))

    @property
    def key(self) -> Path:
        return self.directory / "id"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def wait_for_log(self, pattern: str, seconds: float = 10) -> None:
        """Until sshd, a process of its own, has written what matches."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.log):
            assert time.monotonic() < end, f"no {pattern!r} in sshd's log: {self.log}"
            time.sleep(0.02)

    def fingerprint(self, kind: str = "ed25519") -> str:
        return fingerprint(self.host_keys[kind])

    def known_hosts_line(self, kind: str = "ed25519") -> str:
        return f"[127.0.0.1]:{self.port} {' '.join(self.host_keys[kind].read_text().split()[:2])}\n"

    def target(self, **changes: Any) -> SshTarget:
        """A target that works, with `changes`."""
        fields: dict[str, Any] = {
            "host": self.address,
            "port": self.port,
            "host_key": self.fingerprint(next(iter(self.host_keys))),
            "identity_files": (str(self.key),),
            "connect_timeout": 10.0,
        }
        return SshTarget(**{**fields, **changes})

    def channel(self, node: str = "n1", **changes: Any) -> SshChannel:
        return SshChannel(node, self.target(**changes), self.connector)

    def sessions(self) -> list[int]:
        """Process ids of the sshd processes that serve a login."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                title = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                same = (process / "ns/mnt").readlink() == Path(f"/proc/{self._init()}/ns/mnt").readlink()
            except OSError:
                continue
            if same and "sshd: " in title and "listener" not in title and "[priv]" not in title:
                found.append(int(process.name))
        return found

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def _init(self) -> str:
        return Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]


class Farm:
    """Starts sshds and stops them all."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.running: list[Sshd] = []

    def start(
        self,
        config: str = "",
        host_keys: tuple[str, ...] = ("ed25519",),
        login_shell: str = "/bin/sh",
        port: int = 0,
        address: str = "127.0.0.1",
        within: tuple[str, ...] = (),
    ) -> Sshd:
        """An sshd with these host keys and further lines of sshd_config; root and guest have that login shell.

        `within`: the command that starts it elsewhere, in a network namespace that has `address`, say.
        """
        program = find_sshd()
        assert program
        home = self.directory / f"sshd{len(self.running)}"
        home.mkdir()
        port = port or free_port()
        keygen(home / "id")
        shutil.copy(home / "id.pub", home / "authorized_keys")
        keys = {kind: keygen(home / f"host_{kind}", kind).with_suffix(".pub") for kind in host_keys}
        (home / "home").mkdir()
        (home / "passwd").write_text(
            f"root:x:0:0:root:{INSIDE}/home:{login_shell}\n"
            f"{GUEST}:x:61000:61000:guest:{INSIDE}/home:{login_shell}\n"
            "sshd:x:61001:65534::/run/sshd:/usr/sbin/nologin\n"
        )
        (home / "shadow").write_text(
            f"root:{_HASH}:19000:0:99999:7:::\n{GUEST}:{_HASH}:19000:0:99999:7:::\nsshd:!:::::::\n"
        )
        (home / "sshd_config").write_text(
            config
            + f"\nPort {port}\nListenAddress {address}\nPidFile none\nUsePAM no\nPermitRootLogin yes\nStrictModes no\n"
            f"MaxStartups 100:30:200\nAuthorizedKeysFile {INSIDE}/authorized_keys\n"
            + "".join(f"HostKey {home}/host_{kind}\n" for kind in host_keys)
        )
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [*within, *_UNSHARE, "sh", "-c", _NAMESPACE, "sshd", str(home), program],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        sshd = Sshd(home, port, keys, process, address)
        self.running.append(sshd)
        _wait(lambda: _greets(address, port), process, home / "log")
        return sshd

    def stop(self) -> None:
        for sshd in self.running:
            sshd.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _greets(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2) as sock:
            return sock.recv(4) == b"SSH-"
    except OSError:
        return False


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 15
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"sshd does not start: {log.read_text(errors='replace')}")
        time.sleep(0.02)


def _or_skip() -> None:
    if reason := why_not():
        if os.environ.get("CI"):
            pytest.fail(f"CI must run the tests with a real sshd, but {reason}")
        pytest.skip(reason)


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    """Sshds of the test's own."""
    _or_skip()
    farm = Farm(tmp_path)
    try:
        yield farm
    finally:
        farm.stop()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """One plain sshd for all tests of a module."""
    _or_skip()
    farm = Farm(tmp_path_factory.mktemp("sshd"))
    try:
        yield farm.start()
    finally:
        farm.stop()


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """A running ssh-agent; call it with a private key to add that."""
    path = tmp_path / "agent.sock"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)

    def add(key: Path) -> None:
        subprocess.run(["ssh-add", "-q", str(key)], check=True, capture_output=True)

    try:
        yield add
    finally:
        process.kill()
        process.wait(10)
