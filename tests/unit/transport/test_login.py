"""Logging in to a real sshd: keys, encrypted keys, certificates, the agent, passwords, and every refusal's sentence."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kinstall.errors import AuthenticationFailed, UsageError
from kinstall.secrets import Secrets
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.connect import Connector
from kinstall.transport.target import DEFAULT_KEYS
from tests.unit.sshd import GUEST, INSIDE, PASSPHRASE, PASSWORD, Farm, Sshd, agent, empty_home, farm, keygen, sshd

__all__ = ["agent", "farm", "sshd"]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No agent and no keys of whoever runs the tests; the secrets that the references name."""
    (tmp_path / "home/.ssh").mkdir(parents=True)
    empty_home(monkeypatch, tmp_path / "home")
    monkeypatch.setenv("LOGIN", PASSWORD)
    monkeypatch.setenv("PHRASE", PASSPHRASE)
    monkeypatch.setenv("WRONG", "canary-wrong-77aa")


def refused(sshd: Sshd, **changes: object) -> AuthenticationFailed:
    channel = sshd.channel(**changes)  # type: ignore[arg-type]
    with pytest.raises(AuthenticationFailed) as caught:
        channel.execute("true")
    channel.close()
    assert caught.value.what.startswith("n1: ")
    assert caught.value.remedy
    assert "canary" not in str(caught.value)
    return caught.value


def allow(sshd: Sshd, key: Path) -> Path:
    with (sshd.directory / "authorized_keys").open("a") as file:
        file.write(key.with_name(key.name + ".pub").read_text())
    return key


def works(sshd: Sshd, **changes: object) -> bool:
    channel = sshd.channel(**changes)  # type: ignore[arg-type]
    try:
        return channel.execute("exit 5") == 5
    finally:
        channel.close()


@pytest.mark.parametrize("options", [("ed25519",), ("ecdsa",), ("rsa",), ("rsa", "-m", "PEM"), ("ecdsa", "-m", "PEM")])
def test_key_types(sshd: Sshd, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Each key type that ssh-keygen makes, in OpenSSH's and in the older PEM form."""
    key = allow(sshd, keygen(tmp_path / "key", options[0], "", *options[1:]))
    assert works(sshd, identity_files=(str(key),))


@pytest.mark.parametrize("options", [("ed25519",), ("rsa", "-m", "PEM")])
def test_an_encrypted_key_with_its_passphrase_by_reference(
    sshd: Sshd, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The passphrase comes from the environment; with the wrong one, or none, a sentence says so."""
    key = str(allow(sshd, keygen(tmp_path / "key", options[0], PASSPHRASE, *options[1:])))
    assert works(sshd, identity_files=(key,), passphrase="env:PHRASE")
    wrong = refused(sshd, identity_files=(key,), passphrase="env:WRONG")
    assert "cannot be decrypted" in wrong.what
    none = refused(sshd, identity_files=(key,))
    assert "is encrypted, no passphrase is given, and no agent holds it" in none.what


def test_an_encrypted_key_that_the_agent_holds(sshd: Sshd, tmp_path: Path, agent: Callable[[Path], None]) -> None:
    """The named key is used from the agent, also without FILE.pub beside it; other keys of the agent are not."""
    key = allow(sshd, keygen(tmp_path / "key"))
    agent(keygen(tmp_path / "other"))
    agent(key)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", str(key)], check=True)
    assert works(sshd, identity_files=(str(key),))
    (tmp_path / "key.pub").unlink()
    assert works(sshd, identity_files=(str(key),))


def test_the_agents_keys_are_tried_in_turn(sshd: Sshd, tmp_path: Path, agent: Callable[[Path], None]) -> None:
    """Without an identity file each key of the agent is offered until one is accepted."""
    for number in range(2):
        agent(keygen(tmp_path / f"stranger{number}"))
    assert (
        "the agent's key stranger0 (refused), the agent's key stranger1 (refused)"
        in refused(sshd, identity_files=()).what
    )
    agent(sshd.key)
    assert works(sshd, identity_files=())


def test_an_agent_with_too_many_keys(sshd: Sshd, tmp_path: Path, agent: Callable[[Path], None]) -> None:
    """sshd hangs up after MaxAuthTries: its words are told, and the remedy is to name the key."""
    for number in range(8):
        agent(keygen(tmp_path / f"stranger{number}"))
    error = refused(sshd, identity_files=())
    assert "Too many authentication failures" in error.what
    assert "ssh.identityFile" in error.remedy


def test_a_certificate_beside_the_key(farm: Farm, tmp_path: Path) -> None:
    """KEY-cert.pub is presented with the key, as ssh does."""
    authority = keygen(tmp_path / "ca")
    sshd = farm.start(f"TrustedUserCAKeys {authority}.pub")
    key = keygen(tmp_path / "key")
    assert "tried the key" in refused(sshd, identity_files=(str(key),)).what
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "x", "-n", "root", f"{key}.pub"], check=True)
    sshd.connector = Connector(HostKeys(None, None), Secrets())
    assert works(sshd, identity_files=(str(key),))


def test_a_password_by_reference(sshd: Sshd, tmp_path: Path) -> None:
    """From the environment, from a file (its last line end is not part of it), and typed, once for all nodes."""
    assert works(sshd, identity_files=(), password="env:LOGIN")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    assert works(sshd, identity_files=(), password=f"file:{tmp_path}/password")
    asked: list[str] = []
    sshd.connector = Connector(HostKeys(None, None), Secrets(prompt=lambda text: asked.append(text) or PASSWORD))  # type: ignore[func-returns-value]
    for _ in range(2):
        assert works(sshd, identity_files=(), password="prompt:Password of the nodes")
    assert asked == ["Password of the nodes"]


def test_a_wrong_password(sshd: Sshd) -> None:
    """What was tried and what the host would take is told; the password is not."""
    error = refused(sshd, identity_files=(), password="env:WRONG")
    assert "does not let root in; tried the password (refused)" in error.what
    assert "the host takes: publickey, password" in error.remedy


def test_a_reference_to_nothing(sshd: Sshd) -> None:
    """A missing variable is told before anything is sent in its place."""
    channel = sshd.channel(identity_files=(), password="env:KINSTALL_NO_SUCH")
    with pytest.raises(UsageError, match="the environment variable KINSTALL_NO_SUCH, named"):
        channel.execute("true")


def test_key_first_then_password(farm: Farm) -> None:
    """A host that wants both gets both; with the key alone the sentence says that it wants more."""
    sshd = farm.start("AuthenticationMethods publickey,password")
    assert works(sshd, password="env:LOGIN")
    assert "(accepted, but the host asks for more)" in refused(sshd).what


def test_a_host_that_takes_no_passwords(farm: Farm) -> None:
    """The method is named as not taken, which is another thing than a wrong password."""
    sshd = farm.start("PasswordAuthentication no\nKbdInteractiveAuthentication no")
    error = refused(sshd, identity_files=(), password="env:LOGIN")
    assert "the password (the host does not take a password)" in error.what
    assert "the host takes: publickey" in error.remedy


def test_an_unauthorized_key(sshd: Sshd, tmp_path: Path) -> None:
    """The key is named."""
    key = keygen(tmp_path / "stranger")
    assert f"tried the key {key} (refused)" in refused(sshd, identity_files=(str(key),)).what


def test_nothing_to_try(sshd: Sshd) -> None:
    """Neither key nor password nor agent nor one of ssh's default keys: said as that, with their names."""
    error = refused(sshd, identity_files=())
    assert "no key and no password to try" in error.what
    assert "~/.ssh/id_rsa, ~/.ssh/id_ecdsa, ~/.ssh/id_ecdsa_sk, ~/.ssh/id_ed25519, ~/.ssh/id_ed25519_sk" in error.what
    assert "ssh-add" in error.remedy


def test_the_default_keys_are_those_of_ssh() -> None:
    """In ssh's own order, without the types that it gave up."""
    said = subprocess.run(["ssh", "-F", "none", "-G", "host"], check=True, capture_output=True, text=True).stdout
    files = [line.split()[1] for line in said.splitlines() if line.startswith("identityfile ")]
    assert sorted(DEFAULT_KEYS) == sorted(file for file in files if not file.endswith(("_dsa", "_xmss")))


def test_default_keys(sshd: Sshd, tmp_path: Path, agent: Callable[[Path], None]) -> None:
    """With neither a key nor a password in the answers ssh's own keys are tried, after the agent's; which is said."""
    folder = tmp_path / "home/.ssh"
    rsa, ed25519 = keygen(folder / "id_rsa", "rsa", PASSPHRASE), keygen(folder / "id_ed25519")
    error = refused(sshd, identity_files=())
    assert "the key ~/.ssh/id_rsa (is encrypted, no passphrase is given, and no agent holds it)" in error.what
    assert "the key ~/.ssh/id_ed25519 (refused)" in error.what
    assert "id_ecdsa" not in error.what
    assert "id_ed25519" not in refused(sshd, identity_files=(), password="env:WRONG").what
    allow(sshd, ed25519)
    assert works(sshd, identity_files=())
    ed25519.unlink()
    allow(sshd, rsa)
    sshd.connector = Connector(HostKeys(None, None), Secrets())
    assert works(sshd, identity_files=(), passphrase="env:PHRASE")


def test_several_keys_in_turn(sshd: Sshd, tmp_path: Path) -> None:
    """As ssh: one that is missing, unreadable or refused is passed over and named, the next one is tried."""
    stranger, wide = keygen(tmp_path / "stranger"), keygen(tmp_path / "wide")
    wide.chmod(0o644)
    files = (str(tmp_path / "missing"), str(wide), str(stranger))
    error = refused(sshd, identity_files=files)
    assert f"the key {files[0]} (does not exist), the key {wide} (can be read by others (mode 0644))" in error.what
    assert f"the key {stranger} (refused)" in error.what
    assert works(sshd, identity_files=(*files, str(sshd.key)))


def test_key_files_that_cannot_be_used(sshd: Sshd, tmp_path: Path) -> None:
    """Missing, open to others, public, damaged, DSA, a folder, a wrong home: each its own sentence and remedy."""
    key = keygen(tmp_path / "key")
    cases = {
        "missing": ("does not exist", "correct ssh.identityFile"),
        "key.pub": ("is a public key", "without .pub"),
        "garbage": ("is not a private key", "without .pub"),
        "damaged": ("cannot be read", "ssh-keygen -t ed25519"),
        "dsa": ("DSA", "ssh-keygen -t ed25519"),
        "pkcs8": ("cannot be read", "ssh-keygen -t ed25519"),
        "openssl": ("is encrypted with AES-192-CBC", "ssh-keygen -p -Z aes256-ctr -f"),
        "~nobody-of-that-name/key": ("path that is not valid", "correct ssh.identityFile"),
        "folder": ("cannot be read: Is a directory", "correct ssh.identityFile"),
    }
    (tmp_path / "garbage").write_bytes(bytes(range(256)))
    (tmp_path / "damaged").write_text(
        "\n".join([*key.read_text().splitlines()[:2], "AAAA", "-----END OPENSSH PRIVATE KEY-----"])
    )
    (tmp_path / "dsa").write_text("-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n")
    (tmp_path / "pkcs8").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    (tmp_path / "openssl").write_text(
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-192-CBC,55A2\n\nAAAA\n"
        "-----END RSA PRIVATE KEY-----\n"
    )
    (tmp_path / "folder").mkdir()
    for name in cases:
        path = Path(name) if name.startswith("~") else tmp_path / name
        if path.exists():
            path.chmod(0o600)
        error = refused(sshd, identity_files=(str(path),))
        assert cases[name][0] in error.what, error.what
        assert cases[name][1] in error.remedy, error.remedy
    key.chmod(0o640)
    error = refused(sshd, identity_files=(str(key),))
    assert "can be read by others (mode 0640)" in error.what
    assert error.remedy == f"chmod 600 {key}"


def test_a_user_whose_shell_runs_nothing(farm: Farm) -> None:
    """What the login says instead is told."""
    sshd = farm.start(login_shell="/usr/sbin/nologin")
    error = refused(sshd)
    assert "it said: This account is currently not available." in error.what


def test_a_user_without_sudo(farm: Farm) -> None:
    """A user other than root on a host that has no sudo; no password is sent."""
    sshd = farm.start(f"SetEnv PATH={INSIDE}/bin")
    (sshd.directory / "bin").mkdir()
    for name in ("sh", "env", "dd"):
        (sshd.directory / "bin" / name).symlink_to(f"/bin/{name}")
    for changes in ({}, {"sudo_password": "env:LOGIN"}):
        error = refused(sshd, user=GUEST, **changes)
        assert error.what == "n1: there is no sudo on it"
