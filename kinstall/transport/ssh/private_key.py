"""Private key files in every form and cipher that ssh reads, as paramiko's keys. Pure.

OpenSSH's own form is PROTOCOL.key of openssh-portable: an envelope around the private part, encrypted with a key that
bcrypt derives from the passphrase. paramiko reads four of its ten ciphers and cryptography three, so it is opened here;
PEM and PKCS 8 are cryptography's.
"""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from dataclasses import dataclass
from io import StringIO

import bcrypt
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.poly1305 import Poly1305
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from paramiko import ECDSAKey, Ed25519Key, PKey, RSAKey

_MAGIC = b"openssh-key-v1\0"
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----\s(.*?)\s-----END \1-----", re.DOTALL)
_MOST_ROUNDS = 10_000
"""Of bcrypt: ten minutes. ssh-keygen's default is 16 or 24."""

_DEFAULT_CIPHER = "aes256-ctr"
"""ssh-keygen's."""

# Cipher → bytes of key and IV.
_CIPHERS = {
    "3des-cbc": (24, 8),
    **{f"aes{bits}-{mode}": (bits // 8, 16) for bits in (128, 192, 256) for mode in ("cbc", "ctr")},
    **{f"aes{bits}-gcm@openssh.com": (bits // 8, 12) for bits in (128, 256)},
    "chacha20-poly1305@openssh.com": (64, 0),
}
_TAG = 16

_DEK = re.compile(r"^DEK-Info: ([A-Z0-9-]{1,40})", re.MULTILINE)
_DEK_CIPHERS = ("AES-128-CBC", "AES-256-CBC", "DES-EDE3-CBC")
"""What cryptography reads in OpenSSL's older form; ssh-keygen writes the first."""

_DAMAGED = "cannot be read (it is damaged)"
_CONVERT = f"convert it: ssh-keygen -p -Z {_DEFAULT_CIPHER} -f {{}}"
"""A remedy; {} is the key's path."""


class Encrypted(Exception):
    """The key is encrypted, and no passphrase was given."""


class WrongPassphrase(Exception):
    """The passphrase does not open it."""


class Unusable(Exception):
    """The text is no private key that can be used; the sentence's end is `what`; `remedy` may be "", and
    {} in it stands for the key's path."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


@dataclass(frozen=True, slots=True)
class _Envelope:
    """OpenSSH's form: `public` in wire form, `sealed` the private part, `tag` what follows it (most have none)."""

    cipher: str
    kdf: str
    options: bytes
    public: bytes
    sealed: bytes
    tag: bytes

    @property
    def type(self) -> str:
        return _string(self.public, 0)[0].decode("ascii", "replace")


def public_part(text: str) -> bytes:
    """The public key in wire form out of a public key's line or OpenSSH's private form, without a passphrase; b""
    where the text has none that can be read."""
    try:
        if block := _BLOCK.search(text):
            return _envelope(block[2]).public if block[1].startswith("OPENSSH") else b""
        kind, blob = text.split()[:2]
        found = base64.b64decode(blob, validate=True)
        return found if _string(found, 0)[0].decode("ascii", "replace") == kind else b""
    except (Unusable, ValueError):
        return b""


def is_public(text: str) -> bool:
    """Whether it is a public key's line (`ssh-ed25519 AAAA… comment`)."""
    return "PRIVATE KEY" not in text and bool(public_part(text))


def load(text: str, passphrase: str | None) -> PKey:
    """The key of a private key file's text.

    Raises:
        Encrypted, WrongPassphrase, Unusable
    """
    block = _BLOCK.search(text)
    if not block:
        raise Unusable("is not a private key", "set ssh.identityFile to the private key, without .pub")
    if block[1] == "DSA PRIVATE KEY":
        raise Unusable("is a DSA key, which SSH no longer supports", "make a new one: ssh-keygen -t ed25519")
    secret = None if passphrase is None else passphrase.encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is decrepit, which ssh reads all the same
        if block[1].startswith("OPENSSH"):
            return _from_openssh(_envelope(block[2]), secret)
        return _from_pem(block[0], secret)


def _from_openssh(envelope: _Envelope, passphrase: bytes | None) -> PKey:
    if envelope.type.startswith("sk-"):
        raise Unusable("is a security key's (FIDO), which kinstall uses through an agent", "run ssh-add for it")
    if envelope.type == "ssh-dss":
        raise Unusable("is a DSA key, which SSH no longer supports", "make a new one: ssh-keygen -t ed25519")
    private = envelope.sealed if envelope.cipher == "none" else _opened(envelope, passphrase)
    if len(private) < 8 or private[:4] != private[4:8]:
        raise Unusable(_DAMAGED) if envelope.cipher == "none" else WrongPassphrase
    plain = b"".join((_MAGIC, _packed(b"none"), _packed(b"none"), _packed(b""), b"\0\0\0\1", _packed(envelope.public)))
    body = base64.encodebytes(plain + _packed(private)).decode()
    try:
        key = load_ssh_private_key(
            f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}-----END OPENSSH PRIVATE KEY-----\n".encode(), None
        )
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable(_DAMAGED) from None
    return _as_paramikos(key)


def _opened(envelope: _Envelope, passphrase: bytes | None) -> bytes:
    """The private part, decrypted; nonsense with the wrong passphrase, where the cipher does not notice."""
    sizes = _CIPHERS.get(envelope.cipher)
    if sizes is None or envelope.kdf != "bcrypt":
        name = envelope.cipher if sizes is None else envelope.kdf
        raise Unusable(f"is encrypted with {name!r}, which kinstall does not read", _CONVERT)
    if passphrase is None:
        raise Encrypted
    salt, at = _string(envelope.options, 0)
    rounds = int.from_bytes(envelope.options[at : at + 4], "big")
    if not salt or not 0 < rounds <= _MOST_ROUNDS:
        raise Unusable(f"asks for {rounds} rounds of bcrypt", "encrypt it again: ssh-keygen -p -a 24 -f {}")
    if not passphrase or len(envelope.sealed) % 8:
        raise WrongPassphrase
    size, iv_size = sizes
    derived = bcrypt.kdf(passphrase, salt, size + iv_size, rounds, ignore_few_rounds=True)
    try:
        return _deciphered(envelope, derived[:size], derived[size:])
    except (InvalidTag, InvalidSignature, ValueError):
        raise WrongPassphrase from None


def _deciphered(envelope: _Envelope, key: bytes, iv: bytes) -> bytes:
    if envelope.cipher.endswith("-gcm@openssh.com"):
        return AESGCM(key).decrypt(iv, envelope.sealed + envelope.tag, None)
    if envelope.cipher.startswith("chacha20"):
        # PROTOCOL.chacha20poly1305, with the sequence number 0 and without a length: block 0 is the key of the tag.
        keystream = Cipher(algorithms.ChaCha20(key[:32], bytes(16)), None).decryptor()
        Poly1305.verify_tag(keystream.update(bytes(64))[:32], envelope.sealed, envelope.tag)
        return keystream.update(envelope.sealed)
    block = TripleDES(key) if envelope.cipher.startswith("3des") else algorithms.AES(key)
    mode = modes.CTR(iv) if envelope.cipher.endswith("-ctr") else modes.CBC(iv)
    decryptor = Cipher(block, mode).decryptor()
    return decryptor.update(envelope.sealed) + decryptor.finalize()


def _from_pem(text: str, passphrase: bytes | None) -> PKey:
    """RSA and EC keys in OpenSSL's older form, and PKCS 8."""
    encrypted = "ENCRYPTED" in text
    if (found := _DEK.search(text)) and found[1] not in _DEK_CIPHERS:
        raise Unusable(f"is encrypted with {found[1]}, which kinstall does not read", _CONVERT)
    if encrypted and passphrase is None:
        raise Encrypted
    try:
        key = load_pem_private_key(text.encode(), passphrase if encrypted else None)
    except UnsupportedAlgorithm:
        raise Unusable("is of a kind that kinstall does not read", _CONVERT) from None
    except (ValueError, TypeError):
        # cryptography seldom says which of the two it was; ssh asks for the passphrase again in both.
        raise WrongPassphrase if encrypted else Unusable(_DAMAGED) from None
    return _as_paramikos(key)


def _as_paramikos(key: object) -> PKey:
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
        dsa_key = isinstance(key, dsa.DSAPrivateKey)
        raise Unusable("is a DSA key, which SSH no longer supports" if dsa_key else "is of another type")
    text = StringIO(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode())
    if isinstance(key, rsa.RSAPrivateKey):
        return RSAKey.from_private_key(text)
    return (ECDSAKey if isinstance(key, ec.EllipticCurvePrivateKey) else Ed25519Key).from_private_key(text)


def _envelope(body: str) -> _Envelope:
    try:
        data = base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unusable(_DAMAGED) from None
    if not data.startswith(_MAGIC):
        raise Unusable(_DAMAGED)
    at, fields = len(_MAGIC), []
    for number in range(5):
        if number == 3:
            if data[at : at + 4] != b"\0\0\0\1":
                raise Unusable("holds several keys", "keep one key per file")
            at += 4
        field, at = _string(data, at)
        fields.append(field)
    cipher, kdf, options, public, sealed = fields
    names = (cipher.decode("ascii", "replace"), kdf.decode("ascii", "replace"))
    return _Envelope(*names, options, public, sealed, data[at : at + _TAG])


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    """The length-prefixed string at `at`, and where it ends."""
    end = at + 4 + int.from_bytes(data[at : at + 4], "big")
    if len(data) < at + 4 or end > len(data):
        raise Unusable(_DAMAGED)
    return data[at + 4 : end], end


def _packed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
