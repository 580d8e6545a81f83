"""One cluster, three ways to log in, and secrets that are searched for wherever they could have got to.

cp1: `admin` with an encrypted key and sudo's password; w1: `ops` (sudo without one) on another port, through a jump
host; w2: root. The tests stand in an order: the first one installs what the others look at.
"""

from __future__ import annotations

import re
import stat
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.lab.api import Lab
from tests.lab.cluster import Cluster, Ended
from tests.lab.demo import merged
from tests.lab.hosts import Host
from tests.lab.tree import ADMIN_PASSWORD

PASSPHRASE = "canary-passphrase-93c1"
ENVIRONMENT = {"CANARY_PASSPHRASE": PASSPHRASE, "SSH_AUTH_SOCK": ""}
PORT = 2222
SMALL = 1 << 20
"""Bytes: no secret is in a larger file, and the programs need not be read."""


@dataclass
class World:
    """The cluster and what its installation left to be searched."""

    cluster: Cluster
    ended: Ended | None = None
    arguments: set[bytes] = field(default_factory=set)

    @property
    def needles(self) -> dict[str, bytes]:
        """What must not be found: name → bytes. Of each private key a piece of its PEM text, and of that in base64."""
        found = {"sudo's password": ADMIN_PASSWORD.encode(), "the key's passphrase": PASSPHRASE.encode()}
        files = [path for path in self.cluster.state.glob("pki/**/*") if path.suffix in (".key", ".pem")]
        assert len(files) > 10, "where is the PKI?"
        for path in files:
            (pem,) = re.findall(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?KEY-----\n", path.read_bytes(), re.DOTALL)
            name = str(path.relative_to(self.cluster.state))
            # From the second line on: before it all keys of a type are the same.
            found[name] = pem.splitlines()[2]
            found[f"{name} in base64"] = b64encode(pem)[128:168]  # as kubeconfigs hold it
        return found

    def found_in(self, data: bytes) -> list[str]:
        return [name for name, needle in self.needles.items() if needle in data]


@pytest.fixture(scope="module")
def world(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("secrets")
    hosts = lab.bare_hosts(3)
    cluster = Cluster(lab, hosts, home)
    key, password = home / "encrypted-key", home / "sudo-password"
    key.write_bytes(lab.identity_file.read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", key], check=True)
    password.write_text(f"{ADMIN_PASSWORD}\n")
    password.chmod(0o600)
    jump = cluster.host("w2")
    logins = {
        "cp1": {
            "user": "admin",
            "identityFile": str(key),
            "passphrase": "env:CANARY_PASSPHRASE",
            "sudoPassword": f"file:{password}",
        },
        "w1": {
            "user": "ops",
            "port": PORT,
            "proxyJump": f"root@{jump.address}",
            "proxyJumpHostKey": jump.host_key,
        },
        "w2": {},
    }
    answers = yaml.safe_load(cluster.answers.read_text())
    answers["nodes"] = [merged(node, {"ssh": logins[node["name"]]}) for node in answers["nodes"]]
    cluster.answers.write_text(yaml.safe_dump(answers))
    cluster.host("w1").run(
        f"printf 'Port {PORT}\\n' >/etc/ssh/sshd_config.d/port.conf && systemctl restart ssh"
        f" && until ss -Hltn 'sport = :{PORT}' | grep -q .; do sleep 0.1; done"
    )
    return World(cluster)


@contextmanager
def sampled_arguments(seen: set[bytes]) -> Iterator[None]:
    """Every process's arguments, every 50 ms: this machine sees its own processes and those of all hosts."""
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue  # it ended meanwhile

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_install(world: World) -> None:
    """The cluster comes up and verifies, each node reached in its own way; the plan before shows no secret."""
    cluster = world.cluster
    plans = [cluster.run("plan", *words, env=ENVIRONMENT) for words in ((), ("--output", "json"))]
    with sampled_arguments(world.arguments):
        world.ended = cluster.run("replay", "--output", "json", env=ENVIRONMENT)
    assert world.ended.code == 0, world.ended
    for each in plans:
        assert each.code == 0, each
        assert world.found_in(each.out.encode() + each.err.encode()) == []
        assert "BEGIN PRIVATE KEY" not in each.out


def test_told_nothing(world: World) -> None:
    """None of them is in the events, the standard output and error, or the run's log."""
    assert world.ended is not None
    logs = b"".join(path.read_bytes() for path in world.cluster.state.glob("runs/*.log"))
    assert logs.count(b'"stepFinished"') > 100, "this is not the log of the installation"
    assert world.found_in(logs) == []
    assert world.found_in(world.ended.out.encode() + world.ended.err.encode()) == []


def test_not_in_arguments(world: World) -> None:
    """None of them was an argument of any process, here or on the hosts, while it was installed."""
    everything = b"\n".join(world.arguments)
    for witness in (b"-m\0kinstall\0replay", b"images\0pull", b"iflag=fullblock", b"kubectl\0"):
        assert witness in everything, f"{witness!r} was never seen: the samples are too few"
    assert world.found_in(everything) == []


def test_state_folder_is_private(world: World) -> None:
    """Nobody else gets into the state folder, and what is not secret by its own mode holds none of them either."""
    state = world.cluster.state
    for folder in (state, *(path for path in state.rglob("*") if path.is_dir())):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    files = [path for path in state.rglob("*") if path.is_file()]
    open_to_others = [path for path in files if path.stat().st_mode & 0o077]
    assert {path.suffix for path in open_to_others} <= {".crt", ".pub", ""}, open_to_others
    assert [path for path in open_to_others if world.found_in(path.read_bytes())] == []
    assert b"env:CANARY_PASSPHRASE" in (state / "answers.yaml").read_bytes()
    assert world.found_in((state / "answers.yaml").read_bytes()) == []


def test_they_are_found_where_they_belong(world: World) -> None:
    """The search finds a key in its own file and in a kubeconfig: that it finds nothing elsewhere means something."""
    host, state = world.cluster.host("cp1"), world.cluster.state
    assert world.found_in((host.root / "etc/kubernetes/pki/apiserver.key").read_bytes()) == [
        "pki/nodes/cp1/apiserver.pem"
    ]
    assert world.found_in((state / "admin.conf").read_bytes()) == ["pki/admin.pem in base64"]


@pytest.mark.parametrize("node", ["cp1", "w1", "w2"])
def test_not_on_the_hosts(world: World, node: str) -> None:
    """None of them is in a host's journal, in a file there that everybody may read, or below /run/kinstall."""
    host = world.cluster.host(node)
    journal = host.run("journalctl --no-pager -o cat").stdout
    assert "sshd" in journal or "Accepted publickey" in journal, "this is no journal of the installation"
    assert world.found_in(journal.encode()) == []
    needles = b"\n".join(world.needles.values()).decode()
    in_memory = host.run("find /run /tmp /dev/shm -xdev -type f -perm -004 -size -1024k -exec grep -lF -f - {} +",
                         stdin=needles, check=False)  # fmt: skip
    assert in_memory.stdout == ""
    kept = host.run("find /run/kinstall -type f ! -name lock ! -name owner ! -path '/run/kinstall/home/*'").stdout
    assert kept == ""
    readable = list(world_readable(host))
    assert len(readable) > 20, "nothing was looked at"
    assert {str(path): hits for path in readable if (hits := world.found_in(path.read_bytes()))} == {}


def world_readable(host: Host) -> Iterator[Path]:
    """Small files that were written since the host's first boot and that every user can get at."""
    for top in (host.upper, host.directory / "kubelet", host.directory / "containerd"):
        folders = [top]
        while folders:
            for path in folders.pop().iterdir():
                info = path.lstat()
                if stat.S_ISDIR(info.st_mode) and info.st_mode & 0o001:
                    folders.append(path)
                elif stat.S_ISREG(info.st_mode) and info.st_mode & 0o004 and info.st_size < SMALL:
                    yield path


def test_a_changed_secret_file_is_only_named(world: World) -> None:
    """A key and a kubeconfig that differ on the node: the plan names them, as text and as JSON, and shows no diff."""
    host = world.cluster.host("cp1")
    for path in ("/etc/kubernetes/pki/apiserver.key", "/etc/kubernetes/scheduler.conf"):
        host.run(f"echo '# canary-drift' >>{path}")
    host.run("echo '# harmless-drift' >>/var/lib/kubelet/config.yaml")
    for words in ((), ("--output", "json")):
        shown = world.cluster.run("plan", *words, env=ENVIRONMENT)
        assert shown.code == 0, shown
        assert "/etc/kubernetes/pki/apiserver.key" in shown.out
        assert "/etc/kubernetes/scheduler.conf" in shown.out
        assert "canary-drift" not in shown.out
        assert "harmless-drift" in shown.out, "plain files' diffs are shown"
        assert world.found_in(shown.out.encode() + shown.err.encode()) == []
