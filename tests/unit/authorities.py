"""Certificate authorities of all kinds, as operators may bring them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from assets.credentials.pki import KeyPair

_PURPOSES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


def _new_key(key_type: str) -> Any:
    match key_type:
        case "rsa" | "rsa1024":
            return rsa.generate_private_key(65537, 2048 if key_type == "rsa" else 1024)
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "secp256k1":
            return ec.generate_private_key(ec.SECP256K1())
        case _:
            return ec.generate_private_key(ec.SECP384R1())


def authority(
    now: datetime,
    *,
    name: str = "Example Corp",
    key_type: str = "ecdsa",
    days: int = 3650,
    starts: timedelta = -timedelta(hours=1),
    ca: bool = True,
    cert_sign: bool = True,
    purposes: tuple[str, ...] = (),
    constrained: bool = False,
    key: bytes = b"",
    passphrase: bytes = b"",
    signer: KeyPair | None = None,
) -> KeyPair:
    """A certificate without a subject key identifier, as older authorities are, and its key in PKCS 8."""
    own: Any = load_pem_private_key(key, None) if key else _new_key(key_type)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.load_pem_x509_certificate(signer.certificate_pem).subject if signer else subject
    signing: Any = load_pem_private_key(signer.key_pem, None) if signer else own
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + starts + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if signer else None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=cert_sign, crl_sign=True, key_encipherment=False,
                content_commitment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )  # fmt: skip
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage([_PURPOSES[each] for each in purposes]), critical=False)
    if constrained:
        names = x509.NameConstraints([x509.DNSName("example.com")], None)
        builder = builder.add_extension(names, critical=True)
    algorithm = None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = builder.sign(signing, algorithm)
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    pem = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return KeyPair(certificate.public_bytes(Encoding.PEM), pem)


def intermediate(now: datetime) -> tuple[KeyPair, KeyPair]:
    """A root, and an authority below it that may sign no further ones."""
    root = authority(now, name="Example Root")
    return root, authority(now, name="Example Kubernetes", signer=root)
