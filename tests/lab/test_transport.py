"""The SSH transport on whole hosts: real sudo in its configurations, links that go dead."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from kinstall.errors import AuthenticationFailed, Unreachable
from kinstall.secrets import Secrets
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.channel import SshChannel
from kinstall.transport.ssh.connect import Connector
from kinstall.transport.target import SshTarget
from tests.lab import network
from tests.lab.api import Lab
from tests.lab.hosts import Host
from tests.lab.tree import ADMIN_PASSWORD

BINARY = bytes(range(256)) * 4000
WRONG = "canary-wrong-41be"


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    return lab.bare_hosts(1)[0]


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("ADMIN", ADMIN_PASSWORD)
    monkeypatch.setenv("WRONG", WRONG)


@contextmanager
def channel(host: Host, **changes: object) -> Iterator[SshChannel]:
    fields: dict[str, object] = {
        "host": host.address,
        "port": host.ssh_port,
        "host_key": host.host_key,
        "identity_files": (str(host.client_key),),
    }
    target = SshTarget(**{**fields, **changes})  # type: ignore[arg-type]
    opened = SshChannel(host.name, target, Connector(HostKeys(None, None), Secrets()))
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def sudoers(host: Host, rule: str) -> Iterator[None]:
    """A further rule, gone at the end."""
    host.run("cat >/etc/sudoers.d/zz-test && chmod 0440 /etc/sudoers.d/zz-test && visudo -cq", stdin=f"{rule}\n")
    try:
        yield
    finally:
        host.run("rm -f /etc/sudoers.d/zz-test; rm -rf /var/lib/sudo/lectured /run/sudo")


def becomes_root(opened: SshChannel) -> bool:
    """Root, with a binary payload that arrives to the byte and output that is only the program's, twice."""
    for _ in range(2):
        lines: list[str] = []
        status = opened.execute("id -un; sha256sum; exit 3", [BINARY], lines.append)
        if (status, lines) != (3, ["root", f"{hashlib.sha256(BINARY).hexdigest()}  -"]):
            raise AssertionError((status, lines))
    return True


USERS: dict[str, dict[str, object]] = {
    "ops, no password": {"user": "ops"},
    "ops, with a needless password": {"user": "ops", "sudo_password": "env:WRONG"},
    "admin by key": {"user": "admin", "sudo_password": "env:ADMIN"},
    "admin by password": {"user": "admin", "identity_files": (), "password": "env:ADMIN"},
}


@pytest.mark.parametrize("rule", ["", "Defaults lecture=always", "Defaults requiretty", "Defaults use_pty"])
@pytest.mark.parametrize("user", USERS)
def test_sudo(host: Host, user: str, rule: str) -> None:
    """With and without a password, whatever the sudoers say: lecture, requiretty, use_pty."""
    with sudoers(host, rule or "# nothing"), channel(host, **USERS[user]) as opened:
        assert becomes_root(opened)


@pytest.mark.parametrize(
    ("changes", "rule", "what"),
    [
        ({}, "", "sudo asks admin for a password, and none was given"),
        ({"sudo_password": "env:WRONG"}, "", "sudo refuses the password of admin"),
        ({"sudo_password": "env:ADMIN"}, "admin ALL=(ALL:ALL) !ALL", "sudo does not allow admin to run sh as root"),
    ],
)
def test_refusals_of_sudo(host: Host, changes: dict[str, str], rule: str, what: str) -> None:
    """One sentence each, at once, without repeating a secret; a wrong password counts as one attempt, not three."""
    since = host.run("date '+%Y-%m-%d %H:%M:%S'").stdout.strip()
    begun = time.monotonic()
    with (
        sudoers(host, rule or "# nothing"),
        channel(host, user="admin", **changes) as opened,
        pytest.raises(AuthenticationFailed) as caught,
    ):
        opened.execute("true")
    assert caught.value.what == f"{host.name}: {what}"
    assert caught.value.remedy
    assert time.monotonic() - begun < 10
    log = host.run(f"journalctl -q --since '{since}' --no-pager").stdout
    assert "3 incorrect password attempts" not in log
    assert WRONG not in log
    assert ADMIN_PASSWORD not in log


def test_no_secret_in_the_nodes_processes(host: Host) -> None:
    """Neither the sudo password nor the program is in any argument or environment of the host while it runs."""
    with channel(host, user="admin", sudo_password="env:ADMIN") as opened:
        seen: list[str] = []
        looked = threading.Event()

        def look(line: str) -> None:
            seen.append(host.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '").stdout)
            looked.set()

        def payload() -> Iterator[bytes]:
            yield b"canary-payload"
            assert looked.wait(20)

        opened.execute("canary=$((6*7))-program; echo now; cat >/dev/null; : $canary", payload(), look)
    assert "iflag=fullblock" in seen[0], "the bootstrap was looked at"
    for secret in (ADMIN_PASSWORD, "-program", "canary"):
        assert secret not in seen[0]


def test_a_dead_link_is_noticed(host: Host) -> None:
    """A node that vanishes without a word while its program is silent: Unreachable after half a minute."""
    try:
        with channel(host) as opened:
            cut = threading.Timer(1.0, lambda: network.cut(host.name, carrier=False))
            cut.start()
            begun = time.monotonic()
            with pytest.raises(Unreachable, match=r"the connection to [0-9.]+ broke"):
                opened.execute("sleep 300")
            assert time.monotonic() - begun < 45
            with pytest.raises(Unreachable, match="no answer from port 22") as caught:
                opened.target = replace(opened.target, connect_timeout=2.0)
                opened.execute("true")
            assert caught.value.retryable
    finally:
        network.restore(host.name)
    with channel(host) as opened:
        assert opened.execute("exit 4") == 4
