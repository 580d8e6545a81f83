"""Looking at host keys and keeping them."""

from pathlib import Path

import pytest

from kinstall.errors import UsageError
from kinstall.operations import trust
from kinstall.operations.trust import Seen, Status
from kinstall.secrets import Secrets
from kinstall.transport.host_keys import HostKey, HostKeys
from kinstall.transport.ssh.channel import SshChannel
from kinstall.transport.ssh.connect import Connector
from tests.unit.sshd import Farm, farm, free_port

__all__ = ["farm"]


def seen(host: str, key: bytes = b"k", port: int = 22, kind: str = "ssh-ed25519") -> Seen:
    return Seen("n", host, port, Status.UNKNOWN, HostKey(kind, key))


def test_what_the_hosts_show(farm: Farm, tmp_path: Path) -> None:
    """Known, unknown, changed and unreachable hosts, all in one answer and in order; no login is tried."""
    hosts = [farm.start("LogLevel DEBUG1") for _ in range(3)]
    state = tmp_path / "known_hosts"
    state.write_text(
        hosts[0].known_hosts_line() + hosts[0].known_hosts_line().replace(str(hosts[0].port), str(hosts[2].port))
    )
    targets = {f"n{n}": host.target(host_key="") for n, host in enumerate(hosts)}
    targets["gone"] = hosts[0].target(host_key="", port=free_port())
    rows = trust.pending(targets, HostKeys(state, None))
    assert [(row.node, row.status) for row in rows] == [
        ("n0", Status.KNOWN),
        ("n1", Status.UNKNOWN),
        ("n2", Status.CHANGED),
        ("gone", Status.UNREACHABLE),
    ]
    assert [row.fingerprint for row in rows] == [*(host.fingerprint() for host in hosts), ""]
    assert rows[0].message == ""
    assert "no trusted source" in rows[1].message
    assert hosts[0].fingerprint() in rows[2].message
    assert "nothing listens" in rows[3].message
    assert all("userauth-request" not in host.log for host in hosts)


def test_what_was_consented_to_is_trusted(farm: Farm, tmp_path: Path) -> None:
    """Look, store, and the run works; before that it did not."""
    sshd = farm.start()
    state = tmp_path / "state" / "known_hosts"
    targets = {"n1": sshd.target(host_key="")}
    trust.store(state, trust.pending(targets, HostKeys(None, None)))
    assert [row.status for row in trust.pending(targets, HostKeys(state, None))] == [Status.KNOWN]
    channel = SshChannel("n1", targets["n1"], Connector(HostKeys(state, None), Secrets()))
    assert channel.execute("true") == 0
    channel.close()


def test_a_wanted_fingerprint_of_another_type(farm: Farm) -> None:
    """An operator who read the RSA key on the console is shown the RSA key; for a wrong one, the preferred key."""
    sshd = farm.start(host_keys=("ed25519", "rsa"))
    target = {"n1": sshd.target(host_key="")}
    [row] = trust.pending(target, HostKeys(None, None), wanted={"n1": sshd.fingerprint("rsa") + "="})
    assert (row.fingerprint, row.key_type) == (sshd.fingerprint("rsa"), "ssh-rsa")
    [row] = trust.pending(target, HostKeys(None, None), wanted={"n1": "SHA256:" + "A" * 43})
    assert row.fingerprint == sshd.fingerprint("ed25519")


def test_behind_a_jump_host(farm: Farm, tmp_path: Path) -> None:
    """First the jump host's own key, then those behind it."""
    jump, node = farm.start(), farm.start()
    (jump.directory / "authorized_keys").write_text((node.directory / "id.pub").read_text())
    state = tmp_path / "known_hosts"
    targets = {
        name: node.target(host_key="", through=jump.target(host_key="", identity_files=(str(node.key),)))
        for name in ("n1", "n2")
    }
    first = trust.pending(targets, HostKeys(state, None))
    assert [(row.node, row.status) for row in first] == [
        (f"jump host 127.0.0.1:{jump.port}", Status.UNKNOWN),
        ("n1", Status.UNREACHABLE),
        ("n2", Status.UNREACHABLE),
    ]
    assert first[0].fingerprint == jump.fingerprint()
    trust.store(state, first)
    second = trust.pending(targets, HostKeys(state, None))
    assert [row.status for row in second] == [Status.KNOWN, Status.UNKNOWN, Status.UNKNOWN]
    assert second[1].fingerprint == node.fingerprint()


def test_the_file_is_private_and_keeps_the_rest(tmp_path: Path) -> None:
    """0600; a host's earlier keys are replaced, also hashed, shared and other-typed ones; others' lines stay."""
    file = tmp_path / "known_hosts"
    trust.store(file, [seen("10.0.0.1", b"old"), seen("10.0.0.9", b"nine")])
    assert file.stat().st_mode & 0o777 == 0o600
    kept = "# by hand\n@revoked 10.0.0.1 ssh-rsa b2xk\n"
    file.write_text(kept + file.read_text() + "10.0.0.1,10.0.0.8 ssh-rsa cnNh\n[10.0.0.1]:2222 ssh-rsa cnNh\n")
    trust.store(file, [seen("10.0.0.1", b"new"), seen("10.0.0.1", b"port", 2200)])
    assert file.read_text() == kept + (
        "10.0.0.9 ssh-ed25519 bmluZQ==\n"
        "10.0.0.8 ssh-rsa cnNh\n"
        "[10.0.0.1]:2222 ssh-rsa cnNh\n"
        "10.0.0.1 ssh-ed25519 bmV3\n"
        "[10.0.0.1]:2200 ssh-ed25519 cG9ydA==\n"
    )
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["known_hosts"]


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A sentence, no traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*file/known_hosts: File exists"):
        trust.store(tmp_path / "file" / "known_hosts", [seen("10.0.0.1")])
