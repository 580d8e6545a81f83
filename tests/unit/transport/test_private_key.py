"""Private keys in every form and cipher that ssh-keygen writes."""

import base64
import os
import random
import subprocess
from pathlib import Path

import pytest

from kinstall.transport.ssh import private_key
from kinstall.transport.ssh.private_key import Encrypted, Unusable, WrongPassphrase
from tests.unit.sshd import PASSPHRASE, keygen

pytestmark = pytest.mark.skipif(
    not any(os.access(f"{place}/ssh-keygen", os.X_OK) for place in os.get_exec_path()), reason="needs ssh-keygen"
)


def ciphers() -> list[str]:
    try:
        said = subprocess.run(["ssh", "-Q", "cipher"], capture_output=True, text=True, check=True).stdout
    except OSError:
        return ["aes256-ctr"]
    return said.split()


def public(key: Path) -> bytes:
    return private_key.public_part(key.with_name(key.name + ".pub").read_text())


@pytest.mark.parametrize("cipher", ciphers())
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_every_cipher(tmp_path: Path, cipher: str, kind: str) -> None:
    """What ssh reads is read, with the right passphrase only; the public part needs none."""
    size = ("-b", "1024") if kind == "rsa" else ()
    key = keygen(tmp_path / "key", kind, PASSPHRASE, "-Z", cipher, "-a", "1", *size)
    text = key.read_text()
    assert private_key.public_part(text) == public(key)
    assert private_key.load(text, PASSPHRASE).asbytes() == public(key)
    assert private_key.load(text, PASSPHRASE).can_sign()
    for wrong in ("another", ""):
        with pytest.raises(WrongPassphrase):
            private_key.load(text, wrong)
    with pytest.raises(Encrypted):
        private_key.load(text, None)


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
@pytest.mark.parametrize("form", ["PEM", "PKCS8", "RFC4716"])
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_every_form(tmp_path: Path, kind: str, form: str, passphrase: str) -> None:
    """OpenSSH's form, OpenSSL's older one and PKCS 8; encrypted, and not."""
    size = ("-b", "1024") if kind == "rsa" else ()
    key = keygen(tmp_path / "key", kind, passphrase, "-m", form, *size)
    assert private_key.load(key.read_text(), passphrase or None).asbytes() == public(key)
    if passphrase:
        with pytest.raises(Encrypted):
            private_key.load(key.read_text(), None)
        with pytest.raises(WrongPassphrase):
            private_key.load(key.read_text(), "another")


def test_a_comment_that_ends_the_padding(tmp_path: Path) -> None:
    """A comment in UTF-8 that fills the last block is no padding."""
    for length in range(8):
        path = tmp_path / f"key{length}"
        subprocess.run(
            ["ssh-keygen", "-q", "-N", "", "-C", "x" * length + "é", "-t", "ed25519", "-f", path], check=True
        )
        assert private_key.load(path.read_text(), None).asbytes() == public(path)


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    """Another cipher or key derivation, and rounds that would never end: the name, and how to convert it."""
    text = keygen(tmp_path / "key", "ed25519", PASSPHRASE, "-a", "1").read_text()
    for old, new, words in (
        (b"aes256-ctr", b"aes256-xyz", "'aes256-xyz', which kinstall does not read"),
        (b"bcrypt", b"argon2", "'argon2', which kinstall does not read"),
        (b"\0\0\0\1\0\0\0\1", b"\xff\xff\xff\xff\0\0\0\1", "asks for 4294967295 rounds of bcrypt"),
    ):
        with pytest.raises(Unusable) as caught:
            private_key.load(changed(text, old, new), PASSPHRASE)
        assert words in caught.value.what
        assert "ssh-keygen -p" in caught.value.remedy


def changed(text: str, old: bytes, new: bytes) -> str:
    """The key with other bytes in its envelope."""
    head, *lines, tail = text.strip().splitlines()
    data = base64.b64decode("".join(lines))
    assert data.count(old) == 1
    body = base64.b64encode(data.replace(old, new)).decode()
    return f"{head}\n{body}\n{tail}\n"


def test_damage_is_a_sentence(tmp_path: Path) -> None:
    """Keys cut, with bytes turned, and garbage: one of the three errors or a key, never anything else."""
    dice = random.Random(7)
    keys = [
        keygen(tmp_path / "a"),
        keygen(tmp_path / "b", "ecdsa", "", "-m", "PEM"),
        keygen(tmp_path / "c", "rsa", "", "-b", "1024"),
    ]
    texts = [key.read_text() for key in keys]
    for _ in range(400):
        text = list(dice.choice(texts))
        for _ in range(dice.randint(1, 3)):
            text[dice.randrange(len(text))] = dice.choice("AZaz09+/=- \n\0é")
        whole = "".join(text)[: dice.choice((None, dice.randrange(len(text))))]
        private_key.public_part(whole)
        try:
            private_key.load(whole, None)
        except (Encrypted, WrongPassphrase, Unusable):
            pass
