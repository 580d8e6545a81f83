"""Jump hosts as answers have them: logins of their own, and what they are never offered. With real sshds."""

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from kinstall.answers.load import parse
from kinstall.cli import main
from kinstall.errors import AuthenticationFailed, UsageError
from kinstall.operations.ssh_session import targets_of
from kinstall.secrets import Secrets
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.channel import SshChannel
from kinstall.transport.ssh.connect import Connector
from kinstall.transport.target import DEFAULT_KEYS, SshTarget
from tests.unit.sshd import GUEST, PASSWORD, Farm, Sshd, empty_home, farm, keygen

__all__ = ["farm"]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty_home(monkeypatch, tmp_path)
    monkeypatch.setenv("NODES", PASSWORD)
    monkeypatch.setenv("BASTIONS", PASSWORD)


def target(node: dict[str, Any] | None = None, **ssh: Any) -> SshTarget:
    """The only node's target."""
    row = {"name": "n1", "address": "192.0.2.1", "role": "control-plane", **(node or {})}
    return targets_of(parse(json.dumps({"ssh": ssh, "nodes": [row]})))["n1"]


def beside(host: Sshd) -> dict[str, Any]:
    """The node's own part of its login: an address of this machine is none that answers take."""
    return {"host": host.address, "port": host.port, "host_key": host.fingerprint()}


def moved(to: SshTarget, node: Sshd, **jump: Any) -> SshTarget:
    """The target, on loopback, behind its jump host on loopback."""
    fields = {name: getattr(to, name) for name in SshTarget.__slots__}
    inner = {name: getattr(to.through, name) for name in SshTarget.__slots__}
    return SshTarget(**{**fields, **beside(node), "through": SshTarget(**{**inner, **jump})})


def error_of(of: SshTarget) -> AuthenticationFailed:
    with pytest.raises(AuthenticationFailed) as caught:
        SshChannel("n1", of, Connector(HostKeys(None, None), Secrets())).execute("true")
    return caught.value


def works(of: SshTarget) -> bool:
    channel = SshChannel("n1", of, Connector(HostKeys(None, None), Secrets()))
    try:
        return channel.execute("exit 5") == 5
    finally:
        channel.close()


def test_a_jump_host_is_never_offered_the_nodes_password(farm: Farm) -> None:
    """Not even in the same user's name, and not where nothing else is left to try."""
    jump, node = farm.start("LogLevel DEBUG1"), farm.start("LogLevel DEBUG1")
    wanted = target(user="root", password="env:NODES", sudoPassword="env:NODES", proxyJump="root@bastion.example.com")
    assert wanted.password and wanted.through
    assert (wanted.through.password, wanted.through.sudo_password) == ("", "")
    error = error_of(moved(wanted, node, **beside(jump)))
    assert "no key and no password to try" in error.what
    assert error.remedy.endswith("written in ssh.proxyJump: user@host, or a list with its key and password")
    assert "method password" not in jump.log
    (Path(os.environ["HOME"]) / ".ssh").mkdir()
    default = Path(os.environ["HOME"]) / ".ssh/id_ed25519"
    default.write_bytes(jump.key.read_bytes())
    default.chmod(0o600)
    assert works(moved(wanted, node, **beside(jump)))
    assert "method publickey" in jump.log and "method password" not in jump.log
    assert "Accepted password for root" in node.log


def test_a_jump_host_with_a_login_of_its_own(farm: Farm, tmp_path: Path) -> None:
    """User, password and key apart from the node's; a key of its own is the only one."""
    jump, node = farm.start("LogLevel DEBUG1"), farm.start("LogLevel DEBUG1")
    record = {
        "address": "bastion.example.com",
        "user": GUEST,
        "password": "env:BASTIONS",
        "hostKey": jump.fingerprint(),
    }
    files = [str(keygen(tmp_path / "stranger")), str(node.key)]
    wanted = target(identityFile=files, proxyJump=[record])
    assert works(moved(wanted, node, host=jump.address, port=jump.port))
    assert f"Accepted password for {GUEST}" in jump.log
    assert "Accepted publickey for root" in node.log
    own = target(identityFile=files, proxyJump=[{"address": "b", "user": GUEST, "identityFile": str(jump.key)}])
    assert own.through and own.through.identity_files == (str(jump.key),)
    assert works(moved(own, node, **beside(jump)))
    assert f"Accepted publickey for {GUEST}" in jump.log


def test_without_a_user_it_is_the_operators_name() -> None:
    """As with ssh, and not the node's; without a key it is tried with the node's, then with what ssh tries."""
    wanted = target(user="adm", identityFile="~/k", passphrase="env:NODES", proxyJump="bastion.example.com:2222")
    assert wanted.through
    assert (wanted.through.host, wanted.through.port) == ("bastion.example.com", 2222)
    assert wanted.through.user == pwd.getpwuid(os.getuid()).pw_name
    assert wanted.through.identity_files == ("~/k", *DEFAULT_KEYS)
    assert (wanted.through.identities_only, wanted.through.passphrase) == (False, "env:NODES")
    assert wanted.user == "adm"


def test_an_operator_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container with an arbitrary user id: a sentence that says what to write."""
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    with pytest.raises(UsageError, match="no login name on this machine"):
        target(proxyJump="bastion.example.com")
    assert target(proxyJump="ops@bastion.example.com").jumps()[0].user == "ops"


def test_several_hosts_as_text_and_as_records() -> None:
    """Both lead through the first to the last; a pinned key belongs to its host."""
    text = target(proxyJump="ann@a, b:2222", identityAgent="none")
    records = target(
        identityAgent="none",
        proxyJump=[{"address": "a", "user": "ann"}, {"address": "b", "port": 2222}],
    )
    assert text == records
    assert [(jump.host, jump.port, jump.identity_agent) for jump in text.jumps()] == [
        ("a", 22, "none"),
        ("b", 2222, "none"),
    ]
    one = target(proxyJump="b", proxyJumpHostKey="SHA256:" + "A" * 43)
    assert one.through and one.through.host_key == "SHA256:" + "A" * 43
    override = target({"ssh": {"proxyJump": "c,d"}}, proxyJump="b", proxyJumpHostKey="SHA256:" + "A" * 43)
    assert [jump.host_key for jump in override.jumps()] == ["", ""]


def test_trust_shows_each_hop(farm: Farm, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`kinstall trust` stores one hop's key to see the next one's, in one call."""
    first, second = farm.start(), farm.start()
    (second.directory / "authorized_keys").write_text((first.directory / "id.pub").read_text())
    hops = [{"address": "localhost", "port": host.port, "user": "root"} for host in (first, second)]
    answers = {
        "ssh": {"identityFile": str(first.key), "proxyJump": hops, "port": second.port, "connectTimeout": 3},
        "nodes": [{"name": "n1", "address": "192.0.2.1", "role": "control-plane"}],
    }
    file = tmp_path / "answers.yaml"
    file.write_text(json.dumps(answers))
    accepted = [
        option
        for host in (first, second)
        for option in ("--fingerprint", f"jump host localhost:{host.port}={host.fingerprint()}")
    ]
    main.main(["trust", str(file), "--state", str(tmp_path / "state"), *accepted])
    shown = capsys.readouterr().out
    known = next((tmp_path / "state").rglob("known_hosts")).read_text()
    assert [f"[localhost]:{host.port} " in known for host in (first, second)] == [True, True]
    assert shown.count("stored 1 in") == 2
