"""Keys and certificates: how they are made, whether they may stay. Randomness and the clock come in from outside."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from assets.credentials.pki import KeyPair, LeafRequest, SigningKey
from kinstall.cluster.subnets import parse_address

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

BACKDATED = timedelta(minutes=5)
"""A certificate is valid a little before it was made: nodes' clocks differ."""


def new_signing_key(key_type: str) -> SigningKey:
    """A key pair for service account tokens. `key_type` is `ecdsa` (P-256) or `rsa` (2048 bits)."""
    key = _new_key(key_type)
    return SigningKey(_public_pem(key.public_key()), _private_pem(key))


def new_authority(common_name: str, key_type: str, now: datetime, days: int) -> KeyPair:
    """A self-signed certificate authority, valid for `days` from `now` (aware)."""
    key = _new_key(key_type)
    name = _name(common_name, "")
    builder = _builder(name, name, key.public_key(), now, now + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(authority=True, encipherment=False), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(x509.AuthorityKeyIdentifier(identifier.digest, None, None), critical=False)
    return _pair(builder, key, key)


def issue(request: LeafRequest, ca: KeyPair, key_type: str, now: datetime, days: int) -> KeyPair:
    """A new key and certificate for `request`; it ends with its authority at the latest."""
    issuer = _certificate(ca.certificate_pem)
    key = _new_key(key_type)
    until = min(now + timedelta(days=days), issuer.not_valid_after_utc)
    subject = _name(request.common_name, request.organization)
    builder = _builder(subject, issuer.subject, key.public_key(), now, until)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    usage = _key_usage(authority=False, encipherment=isinstance(key, rsa.RSAPrivateKey))
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(_purposes(request)), critical=False)
    builder = builder.add_extension(_authority_identifier(issuer), critical=False)
    if request.dns_names or request.addresses:
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in request.dns_names]
        names += [x509.IPAddress(parse_address(address)) for address in request.addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _pair(builder, key, load_key(ca.key_pem))


def _authority_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = _extension(issuer, x509.SubjectKeyIdentifier)
    if identifier is None:  # the operator's own CA may have none
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def needs_renewal(pair: KeyPair, request: LeafRequest, ca: KeyPair, key_type: str, now: datetime) -> str:
    """Why a leaf cannot stay, or "": it stays while authority, names and type fit and a third of its life is left."""
    try:
        certificate = _certificate(pair.certificate_pem)
        key = load_key(pair.key_pem)
    except ValueError:
        return "it cannot be read"
    issuer = _certificate(ca.certificate_pem)
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return "another CA signed it"
    if certificate.public_key() != key.public_key():
        return "its key is a different one"
    if not _is_of_type(key, key_type):
        return f"its key is not of type {key_type}"
    if certificate.subject != _name(request.common_name, request.organization):
        return "its subject changed"
    if _names_in(certificate) != (set(request.dns_names), {parse_address(address) for address in request.addresses}):
        return "its names changed"
    if _purposes_in(certificate) != set(_purposes(request)):
        return "its purpose changed"
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if certificate.not_valid_before_utc > now:
        return "it is not valid yet"
    if certificate.not_valid_after_utc - now < life / 3:
        return "less than a third of its life is left"
    return ""


def expires(pem: bytes) -> datetime:
    """When a certificate ends (UTC). ValueError where `pem` holds none."""
    return _certificate(pem).not_valid_after_utc


def belongs_together(pair: KeyPair) -> bool:
    """Whether certificate and key are a pair. ValueError where one of them cannot be read."""
    certificate = _certificate(pair.certificate_pem)
    return certificate.public_key() == load_key(pair.key_pem).public_key()


def read_authority(certificate_pem: bytes, key_pem: bytes, now: datetime, *, taken: bool = False) -> KeyPair:
    """The operator's own CA as the cluster can use it: the first certificate of the file, and its key.

    The certificates after it in the file (of the CAs above it) are ignored: only this CA is trusted.

    `taken`: the cluster has it already, and nothing is gained by refusing what it lives with.

    Raises:
        ValueError: with a sentence of why it cannot be used
    """
    try:
        certificate = _certificate(certificate_pem)
    except ValueError:
        raise ValueError("the certificate cannot be read: it must be a PEM file") from None
    try:
        key = load_key(key_pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        known = str(error) if str(error).startswith("the key is ") else "the key cannot be read: it must be a PEM file"
        raise ValueError(known) from None
    if certificate.public_key() != key.public_key():
        raise ValueError("the key does not belong to the certificate")
    basic, usage = _extension(certificate, x509.BasicConstraints), _extension(certificate, x509.KeyUsage)
    if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
        raise ValueError("it is not a CA certificate")
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    both = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    if purposes is not None and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in purposes and both - set(purposes):
        raise ValueError("it may not sign for servers and clients alike (its extended key usage)")
    if any(each.oid == ExtensionOID.NAME_CONSTRAINTS for each in certificate.extensions):
        raise ValueError("its name constraints allow it to sign for some names only, and a cluster has many")
    if strange := [each.oid.dotted_string for each in certificate.extensions if _is_strange(each)]:
        raise ValueError(f"it has a critical extension that Kubernetes does not know ({', '.join(strange)})")
    if not taken and certificate.serial_number <= 0:
        raise ValueError(
            f"its serial number is {certificate.serial_number}, and it must be a positive one (RFC 5280, 4.1.2.2)"
        )
    if not taken and not certificate.subject.rdns:
        raise ValueError("its subject is empty, and that is the name by which its certificates are traced to it")
    small = isinstance(key, rsa.RSAPrivateKey) and key.key_size < 2048
    if small or (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name not in _CURVES):
        raise ValueError(
            "Kubernetes does not accept this type of key: it must be RSA with at least 2048 bits, P-256, P-384 or P-521"
        )
    if certificate.not_valid_before_utc > now:
        raise ValueError(f"it is only valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    if certificate.not_valid_after_utc <= now:
        raise ValueError(f"it expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    return KeyPair(certificate.public_bytes(Encoding.PEM), _private_pem(key))


_CURVES = ("secp256r1", "secp384r1", "secp521r1")

_UNREADABLE = (UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def _certificate(pem: bytes) -> x509.Certificate:
    """The first certificate of a PEM text, with a key and extensions that can be read. ValueError for anything else:
    the library has exceptions of its own for what files of other programs, or of a node, may hold."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        _ = certificate.public_key(), certificate.extensions, certificate.subject
    except _UNREADABLE as error:
        raise ValueError(str(error)) from None
    return certificate


def _is_strange(extension: x509.Extension[x509.ExtensionType]) -> bool:
    """One for which Go's verifier refuses every chain (crypto/x509, UnhandledCriticalExtensions)."""
    return extension.critical and isinstance(extension.value, x509.UnrecognizedExtension)


E = TypeVar("E", bound=x509.ExtensionType)


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def ca_fingerprint(pem: bytes) -> str:
    """`sha256:` and the hex SHA-256 of the certificate's SubjectPublicKeyInfo, as kubeadm's discovery hash."""
    key = _certificate(pem).public_key()
    return "sha256:" + sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def public_key_of(key_pem: bytes) -> bytes:
    """The public half (PEM) of a private key. ValueError where it cannot be read."""
    return _public_pem(load_key(key_pem).public_key())


def load_key(pem: bytes) -> PrivateKey:
    """ValueError for anything but an unencrypted EC or RSA key. RSA primes are not tested: 10 ms a key."""
    try:
        key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except TypeError as error:
        raise ValueError("the key is encrypted") from error
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise ValueError("the key is neither EC nor RSA")
    return key


def _new_key(key_type: str) -> PrivateKey:
    if key_type == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _is_of_type(key: PrivateKey, key_type: str) -> bool:
    return isinstance(key, rsa.RSAPrivateKey) == (key_type == "rsa")


def _name(common_name: str, organization: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.replace(microsecond=0) - BACKDATED)
        .not_valid_after(until.replace(microsecond=0))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _pair(builder: x509.CertificateBuilder, key: PrivateKey, signing_key: PrivateKey) -> KeyPair:
    certificate = builder.sign(signing_key, hashes.SHA256())
    return KeyPair(certificate.public_bytes(Encoding.PEM), _private_pem(key))


def _key_usage(*, authority: bool, encipherment: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=encipherment,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _purposes(request: LeafRequest) -> list[x509.ObjectIdentifier]:
    server = [ExtendedKeyUsageOID.SERVER_AUTH] if request.server else []
    return [*server, *([ExtendedKeyUsageOID.CLIENT_AUTH] if request.client else [])]


def _purposes_in(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    try:
        return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return set()


def _names_in(certificate: x509.Certificate) -> tuple[set[str], set[object]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set(), set()
    return set(names.get_values_for_type(x509.DNSName)), set(names.get_values_for_type(x509.IPAddress))


def _private_pem(key: PrivateKey) -> bytes:
    # SEC 1 and PKCS 1: "EC PRIVATE KEY" and "RSA PRIVATE KEY", as Kubernetes' own tools write them.
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _public_pem(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
