"""Odd certificates of the operator's own CA: accepted, or refused with a sentence; nothing else comes out."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from assets.credentials import issue
from tests.unit.authorities import authority

NOW = datetime.now(UTC) + timedelta(hours=1)


def made(folder: Path, *words: str) -> tuple[bytes, bytes]:
    """A CA as openssl makes it: certificate and key."""
    curve = ("-pkeyopt", "ec_paramgen_curve:P-256")
    kind = ("rsa:2048",) if "-md5" in words else ("ec", *curve)  # there is no ECDSA with MD5
    key, certificate = folder / "own.key", folder / "own.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", *kind, "-nodes"),
            *("-keyout", key, "-out", certificate, "-days", "3650"),
            *(() if "-subj" in words else ("-subj", "/CN=Example Corp")),
            *words,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate.read_bytes(), key.read_bytes()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("-set_serial", "0"), "its serial number is 0, and it must be a positive one (RFC 5280, 4.1.2.2)"),
        (("-set_serial", "-5"), "its serial number is -5, and it must be a positive one"),
        (("-subj", "/"), "its subject is empty"),
        (("-addext", "basicConstraints=critical,CA:FALSE"), "it is not a CA certificate"),
        (("-addext", "1.2.3.4=critical,ASN1:NULL"), "a critical extension that Kubernetes does not know (1.2.3.4)"),
    ],
)
def test_what_is_refused(tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    """What RFC 5280 forbids, or Kubernetes' programs would refuse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError) as refused:
            issue.read_authority(*made(tmp_path, *words), NOW)
    assert why in str(refused.value)


@pytest.mark.parametrize("words", [("-sha1",), ("-md5",), ("-sha512",), ("-addext", "keyUsage=keyCertSign"), ()])
def test_what_is_accepted(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Nobody checks how a trusted certificate is signed: an old CA may have MD5 or SHA-1 in its own."""
    pair = issue.read_authority(*made(tmp_path, *words), NOW)
    assert issue.belongs_together(pair)


def test_what_a_cluster_lives_with_stays(tmp_path: Path) -> None:
    """A CA with serial 0 that was taken earlier, when nothing was said about it, does not end a replay now."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert issue.read_authority(*made(tmp_path, "-set_serial", "0"), NOW, taken=True)


def test_damaged_ones_are_a_sentence_too() -> None:
    """Bytes changed at random: every one of them is read, or refused with a sentence. The library has exceptions of its
    own for what it does not know."""
    pair = authority(NOW)
    der = load_pem_x509_certificate(pair.certificate_pem).public_bytes(Encoding.DER)
    chance, seen = random.Random(1), set()
    for _ in range(3000):
        changed = bytearray(der)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        pem = b"-----BEGIN CERTIFICATE-----\n" + b64encode(bytes(changed)) + b"\n-----END CERTIFICATE-----\n"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                issue.read_authority(pem, pair.key_pem, NOW)
            except ValueError as refused:
                seen.add(str(refused))
    assert "the certificate cannot be read: it must be a PEM file" in seen and len(seen) > 4


def test_no_warning_of_a_library_reaches_the_operator(tmp_path: Path) -> None:
    """A preflight of answers that name such a CA: one problem in a sentence, and not a word of Python."""
    made(tmp_path, "-set_serial", "0")
    (tmp_path / "answers.yaml").write_text(
        "nodes: [{name: a, address: 192.0.2.11, role: control-plane}]\n"
        f"security: {{ownCA: {{cluster: {{certificate: {tmp_path}/own.crt, key: {tmp_path}/own.key}}}}}}\n"
    )
    program = "import sys; from kinstall.cli.main import main; sys.exit(main(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", program, "preflight", tmp_path / "answers.yaml", "--state", tmp_path / "state"],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 2 and "security.ownCA.cluster.certificate: its serial number is 0" in ran.stderr
    assert "Warning" not in ran.stderr and "cryptography" not in ran.stderr
