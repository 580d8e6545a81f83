"""The agent's keys: chosen by a public key, all of them, none of them; security keys; agents that do not answer."""

import base64
import hashlib
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kinstall.errors import AuthenticationFailed
from kinstall.secrets import Secrets
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.connect import Connector
from tests.unit.sshd import PASSPHRASE, Farm, Sshd, agent, empty_home, farm, keygen, sshd
from tests.unit.transport.test_login import allow, refused, works

__all__ = ["agent", "farm", "sshd"]

IDENTITIES, ANSWER, SIGN, SIGNED, FAILURE = 11, 12, 13, 14, 5
SK = b"sk-ssh-ed25519@openssh.com"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty_home(monkeypatch, tmp_path)


def test_a_public_key_chooses_the_agents(sshd: Sshd, tmp_path: Path, agent: Callable[[Path], None]) -> None:
    """`identityFile: k.pub`: that key and no other of the agent's is offered, in OpenSSH's way."""
    for number in range(8):
        agent(keygen(tmp_path / f"stranger{number}"))
    key = allow(sshd, keygen(tmp_path / "k"))
    chosen = f"{key}.pub"
    error = refused(sshd, identity_files=(chosen,))
    assert "k.pub is a public key, and no agent holds it" in error.what
    assert "run ssh-add for its private key" in error.remedy
    agent(key)
    key.unlink()
    assert works(sshd, identity_files=(chosen,))


def test_what_the_agent_holds_needs_no_passphrase(sshd: Sshd, tmp_path: Path, agent: Callable[[Path], None]) -> None:
    """As with ssh the agent goes first: nobody is asked for the passphrase of a key that it holds."""
    key = allow(sshd, keygen(tmp_path / "k"))
    agent(key)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", str(key)], check=True)
    asked: list[str] = []
    sshd.connector = Connector(HostKeys(None, None), Secrets(prompt=lambda text: asked.append(text) or PASSPHRASE))  # type: ignore[func-returns-value]
    assert works(sshd, identity_files=(str(key),), passphrase="prompt:")
    assert asked == []
    assert works(sshd, identity_files=(str(key),), passphrase="prompt:", identity_agent="none")
    assert len(asked) == 1


def test_a_certificate_for_a_key_in_the_agent(farm: Farm, tmp_path: Path, agent: Callable[[Path], None]) -> None:
    """KEY-cert.pub beside KEY.pub is presented with the agent's key."""
    authority = keygen(tmp_path / "ca")
    host = farm.start(f"TrustedUserCAKeys {authority}.pub")
    key = keygen(tmp_path / "k")
    agent(key)
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "x", "-n", "root", f"{key}.pub"], check=True)
    key.unlink()
    assert works(host, identity_files=(f"{key}.pub",))


def test_only_the_named_keys_or_the_agents_others_too(
    sshd: Sshd, tmp_path: Path, agent: Callable[[Path], None]
) -> None:
    """identitiesOnly: as it says; without it a named key is the only one, and the message says how to try more."""
    agent(sshd.key)
    stranger = str(keygen(tmp_path / "stranger"))
    assert "ssh.identitiesOnly: false" in refused(sshd, identity_files=(stranger,)).remedy
    assert works(sshd, identity_files=(stranger,), identities_only=False)
    assert works(sshd, identity_files=())
    assert "no key and no password" in refused(sshd, identity_files=(), identities_only=True).what


def test_which_agent(
    sshd: Sshd, tmp_path: Path, agent: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """identityAgent is a path, a variable, none, or SSH_AUTH_SOCK; one that is named has to answer."""
    agent(sshd.key)
    path = os.environ["SSH_AUTH_SOCK"]
    monkeypatch.setenv("OTHER_SOCK", path)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    assert "no key and no password" in refused(sshd, identity_files=()).what
    for where in (path, "$OTHER_SOCK", "${OTHER_SOCK}", "~/agent.sock"):
        assert works(sshd, identity_files=(), identity_agent=where)
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    assert "no key and no password" in refused(sshd, identity_files=(), identity_agent="none").what
    error = refused(sshd, identity_files=(), identity_agent=str(tmp_path / "gone"))
    assert "gone does not answer: No such file or directory" in error.what
    assert "ssh.identityAgent" in error.remedy


class SecurityKey:
    """An agent that holds one security key (FIDO, PROTOCOL.u2f of OpenSSH), which is `touched` or not."""

    def __init__(self, path: Path, *, touched: bool = True) -> None:
        self.path, self.touched = path, touched
        self._key = Ed25519PrivateKey.generate()
        self.blob = text(SK) + text(self._key.public_key().public_bytes_raw()) + text(b"ssh:")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def line(self) -> str:
        return f"{SK.decode()} {base64.b64encode(self.blob).decode()} token\n"

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                while head := stream.read(4):
                    answer = self._answer(stream.read(struct.unpack(">I", head)[0]))
                    connection.sendall(text(answer))

    def _answer(self, asked: bytes) -> bytes:
        if asked[0] == IDENTITIES:
            return bytes([ANSWER]) + struct.pack(">I", 1) + text(self.blob) + text(b"token")
        if asked[0] != SIGN or not self.touched:
            return bytes([FAILURE])
        blob, rest = cut(asked[1:])
        data = cut(rest)[0]
        assert blob == self.blob
        flags, counter = b"\x01", struct.pack(">I", 7)
        signed = self._key.sign(hashlib.sha256(b"ssh:").digest() + flags + counter + hashlib.sha256(data).digest())
        return bytes([SIGNED]) + text(text(SK) + text(signed) + flags + counter)


def text(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def cut(data: bytes) -> tuple[bytes, bytes]:
    end = 4 + int(struct.unpack(">I", data[:4])[0])
    return data[4:end], data[end:]


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SecurityKey]:
    held = SecurityKey(tmp_path / "token.sock")
    yield held
    held.close()


def test_a_security_key_in_the_agent(sshd: Sshd, tmp_path: Path, token: SecurityKey) -> None:
    """A real sshd takes its signature: offered with all of the agent's, or chosen by its public key."""
    (sshd.directory / "authorized_keys").open("a").write(token.line)
    assert works(sshd, identity_files=(), identity_agent=str(token.path))
    (tmp_path / "id_sk.pub").write_text(token.line)
    assert works(sshd, identity_files=(f"{tmp_path}/id_sk.pub",), identity_agent=str(token.path))


def test_a_security_key_that_nobody_touches(sshd: Sshd, token: SecurityKey) -> None:
    """Said as that, and not as a broken connection."""
    (sshd.directory / "authorized_keys").open("a").write(token.line)
    token.touched = False
    error = refused(sshd, identity_files=(), identity_agent=str(token.path))
    assert "the agent does not sign with the agent's key token" in error.what
    assert "touch the security key" in error.remedy


def test_the_file_of_a_security_key(sshd: Sshd, tmp_path: Path, token: SecurityKey) -> None:
    """It holds no private key: the agent is asked for it, and without one the remedy is ssh-add."""
    (sshd.directory / "authorized_keys").open("a").write(token.line)
    inside = b"openssh-key-v1\0" + text(b"none") + text(b"none") + text(b"") + b"\0\0\0\1" + text(token.blob)
    body = base64.encodebytes(inside + text(b"\0" * 32)).decode()
    file = tmp_path / "id_ed25519_sk"
    file.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}-----END OPENSSH PRIVATE KEY-----\n")
    file.chmod(0o600)
    error = refused(sshd, identity_files=(str(file),))
    assert isinstance(error, AuthenticationFailed)
    assert "is a security key's (FIDO)" in error.what
    assert error.remedy == "run ssh-add for it"
    assert works(sshd, identity_files=(str(file),), identity_agent=str(token.path))
