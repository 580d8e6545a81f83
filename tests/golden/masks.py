"""A PKI whose PEMs are descriptions of themselves, and the places where a text embeds one."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from assets.credentials.pki import ClusterPki, KeyPair, SigningKey
from kinstall.cluster import ClusterSpec
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.store import ensure_pki

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

_EMBEDDED = re.compile(r"^(\s*[\w-]+-data: )([A-Za-z0-9+/=]{24,})$", re.MULTILINE)
_USAGES = {ExtendedKeyUsageOID.SERVER_AUTH: "server", ExtendedKeyUsageOID.CLIENT_AUTH: "client"}


def described_pki(spec: ClusterSpec, folder: Path) -> ClusterPki:
    """A PKI made for `spec` in `folder`, its certificates and keys then replaced by what they say."""
    made = ensure_pki(spec, PkiFolder(folder), NOW, create_cas=True)
    return replace(
        made,
        authorities={name: _pair(pair, f"of the authority {name}") for name, pair in made.authorities.items()},
        service_accounts=SigningKey(
            b"<public key for service account tokens>\n", b"<key for service account tokens>\n"
        ),
        leaves={(node, leaf): _pair(pair, f"of {leaf}") for (node, leaf), pair in made.leaves.items()},
    )


def readable(content: bytes) -> str:
    """A file's text, with what it holds in base64 written out."""
    return _EMBEDDED.sub(lambda found: found[1] + _decoded(found[2]), content.decode())


def _decoded(text: str) -> str:
    return "; ".join(base64.b64decode(text).decode().splitlines())


def _pair(pair: KeyPair, name: str) -> KeyPair:
    certificate = x509.load_pem_x509_certificate(pair.certificate_pem)
    return KeyPair(describe(certificate).encode(), f"<{_key_type(certificate)} key {name}>\n".encode())


def describe(certificate: x509.Certificate) -> str:
    """What a certificate says, a line each, without what differs from one making to the next."""
    extensions: Mapping[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]] = {
        each.oid: each for each in certificate.extensions
    }
    lines = [
        f"<certificate {certificate.subject.rfc4514_string()}",
        f" issuer {certificate.issuer.rfc4514_string()}",
        f" key {_key_type(certificate)}",
        f" days {(certificate.not_valid_after_utc - NOW).days}",
    ]
    basic = extensions[ExtensionOID.BASIC_CONSTRAINTS].value
    if isinstance(basic, x509.BasicConstraints) and basic.ca:
        lines.append(" authority")
    usage = extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    if usage and isinstance(usage.value, x509.ExtendedKeyUsage):
        lines.append(f" usage {', '.join(_USAGES[oid] for oid in usage.value)}")
    names = extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    if names and isinstance(names.value, x509.SubjectAlternativeName):
        lines.append(f" names {', '.join(str(name.value) for name in names.value)}")
    return "\n".join(lines) + ">\n"


def _key_type(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    match key:
        case ec.EllipticCurvePublicKey():
            return key.curve.name
        case rsa.RSAPublicKey():
            return f"rsa{key.key_size}"
        case _:
            return type(key).__name__
