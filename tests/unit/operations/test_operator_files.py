"""Files that the answers name: what cannot be used is reported before any node is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate

from assets.credentials import issue
from assets.credentials.issue import ca_fingerprint
from assets.credentials.pki import Leaf, Signer
from kinstall.cluster import ClusterSpec, Networking, OwnAuthorities, OwnAuthority, Security
from kinstall.errors import InvalidAnswers
from kinstall.operations import operator_files
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.store import PkiUnusable, ensure_pki
from tests.unit.assets.cluster import NOW, SPEC
from tests.unit.authorities import authority, intermediate


def with_own(folder: Path) -> ClusterSpec:
    own = OwnAuthority(certificate=str(folder / "own.crt"), key=str(folder / "own.key"))
    return replace(SPEC, security=Security(own_ca=OwnAuthorities(cluster=own)))


def put(folder: Path, certificate: bytes, key: bytes) -> None:
    (folder / "own.crt").write_bytes(certificate)
    (folder / "own.key").write_bytes(key)


def refused(spec: ClusterSpec, pki: Path) -> str:
    with pytest.raises(InvalidAnswers) as caught:
        operator_files.read(spec, pki, NOW)
    assert "PRIVATE" not in str(caught.value)
    return str(caught.value)


def test_nothing_named_nothing_read(tmp_path: Path) -> None:
    """Without such answers no file is needed."""
    found = operator_files.read(SPEC, tmp_path, NOW)
    assert (found.own_network, dict(found.authorities)) == (None, {})


@pytest.mark.parametrize("key_type", ["ecdsa", "rsa"])
def test_an_authority_of_ones_own_signs_the_cluster(key_type: str, tmp_path: Path) -> None:
    """It becomes the cluster's, the others are made; what it signs verifies; and once taken its files may go."""
    made = authority(NOW, key_type=key_type)
    put(tmp_path, made.certificate_pem, made.key_pem)
    spec, pki = with_own(tmp_path), tmp_path / "pki"
    own = operator_files.read(spec, pki, NOW).authorities
    first = ensure_pki(spec, PkiFolder(pki), NOW, create_cas=True, own=own)
    assert ca_fingerprint(first.ca.certificate_pem) == ca_fingerprint(made.certificate_pem)
    assert first.authorities[Signer.ETCD].certificate_pem != first.ca.certificate_pem
    issuer = load_pem_x509_certificate(made.certificate_pem)
    for leaf in (first.leaf(Leaf.ADMIN), first.leaf(Leaf.APISERVER, "cp1")):
        load_pem_x509_certificate(leaf.certificate_pem).verify_directly_issued_by(issuer)
    assert (pki / "ca.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "own.crt").unlink()
    (tmp_path / "own.key").unlink()
    again = operator_files.read(spec, pki, NOW).authorities
    assert ensure_pki(spec, PkiFolder(pki), NOW, create_cas=False, own=again) == first


def test_an_intermediate_alone_is_trusted(tmp_path: Path) -> None:
    """The file may hold the authorities above it; none of them goes to a node."""
    root, below = intermediate(NOW)
    put(tmp_path, below.certificate_pem + root.certificate_pem, below.key_pem)
    spec = with_own(tmp_path)
    pki = ensure_pki(
        spec,
        PkiFolder(tmp_path / "pki"),
        NOW,
        create_cas=True,
        own=operator_files.read(spec, tmp_path / "pki", NOW).authorities,
    )
    assert pki.ca.certificate_pem == below.certificate_pem
    assert (tmp_path / "pki/ca.crt").read_bytes() == below.certificate_pem


def test_a_renewed_certificate_of_the_same_key_is_taken(tmp_path: Path) -> None:
    """The authority's certificate was issued again: nothing that it signed has to go."""
    made = authority(NOW)
    put(tmp_path, made.certificate_pem, made.key_pem)
    spec, pki = with_own(tmp_path), tmp_path / "pki"
    first = ensure_pki(spec, PkiFolder(pki), NOW, create_cas=True, own=operator_files.read(spec, pki, NOW).authorities)
    longer = authority(NOW, days=4000, key=made.key_pem)
    put(tmp_path, longer.certificate_pem, longer.key_pem)
    second = ensure_pki(
        spec, PkiFolder(pki), NOW, create_cas=False, own=operator_files.read(spec, pki, NOW).authorities
    )
    assert second.ca.certificate_pem == longer.certificate_pem == (pki / "ca.crt").read_bytes()
    assert second.leaves == first.leaves


def test_another_authority_is_refused_under_a_living_cluster(tmp_path: Path) -> None:
    """It would cut every node off: nothing is written."""
    spec, pki = with_own(tmp_path), tmp_path / "pki"
    first = ensure_pki(spec, PkiFolder(pki), NOW, create_cas=True)
    made = authority(NOW)
    put(tmp_path, made.certificate_pem, made.key_pem)
    with pytest.raises(PkiUnusable, match="a different CA"):
        ensure_pki(spec, PkiFolder(pki), NOW, create_cas=False, own=operator_files.read(spec, pki, NOW).authorities)
    assert (pki / "ca.crt").read_bytes() == first.ca.certificate_pem


@pytest.mark.parametrize(
    ("what", "place", "why"),
    [
        ({"ca": False}, "certificate", "not a CA certificate"),
        ({"cert_sign": False}, "certificate", "not a CA certificate"),
        ({"purposes": ("server",)}, "certificate", "may not sign for servers and clients alike"),
        ({"constrained": True}, "certificate", "allow it to sign for some names only"),
        ({"key_type": "rsa1024"}, "certificate", "RSA with at least 2048 bits"),
        ({"key_type": "secp256k1"}, "certificate", "RSA with at least 2048 bits, P-256, P-384 or P-521"),
        ({"key_type": "ed25519"}, "key", "neither EC nor RSA"),
        ({"starts": timedelta(days=1)}, "certificate", "only valid from 2026-03-02 12:00 UTC"),
        ({"starts": -timedelta(days=30), "days": 20}, "certificate", "expired on 2026-02-19"),
        ({"days": 200}, "certificate", "ends on 2026-09-17, before the certificates it would sign"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_an_authority_that_cannot_be_used(what: dict[str, object], place: str, why: str, tmp_path: Path) -> None:
    """Each reason in a sentence, at the file that is wrong."""
    made = authority(NOW, **what)  # type: ignore[arg-type]
    put(tmp_path, made.certificate_pem, made.key_pem)
    message = refused(with_own(tmp_path), tmp_path / "pki")
    assert f"security.ownCA.cluster.{place}: " in message
    assert why in message


def test_it_need_not_outlive_them_once_it_is_taken(tmp_path: Path) -> None:
    """In an authority's last year its cluster can still be replayed: what it signs ends with it."""
    made = authority(NOW, days=400)
    put(tmp_path, made.certificate_pem, made.key_pem)
    spec, pki, later = with_own(tmp_path), tmp_path / "pki", NOW + timedelta(days=300)
    ensure_pki(spec, PkiFolder(pki), NOW, create_cas=True, own=operator_files.read(spec, pki, NOW).authorities)
    keys = ensure_pki(
        spec, PkiFolder(pki), later, create_cas=False, own=operator_files.read(spec, pki, later).authorities
    )
    assert max(issue.expires(pair.certificate_pem) for (_, leaf), pair in keys.leaves.items() if "etcd" not in leaf
               and "front" not in leaf) <= issue.expires(made.certificate_pem)  # fmt: skip


def test_files_that_are_none(tmp_path: Path) -> None:
    """All that is wrong with the files is reported at once, and nothing of their content."""
    made, other = authority(NOW), authority(NOW)
    spec = with_own(tmp_path)
    assert "own.crt cannot be read: No such file" in refused(spec, tmp_path / "pki")
    put(tmp_path, b"CANARY", made.key_pem)
    assert "the certificate cannot be read: it must be a PEM file" in refused(spec, tmp_path / "pki")
    put(tmp_path, made.certificate_pem, other.key_pem)
    assert "the key does not belong to the certificate" in refused(spec, tmp_path / "pki")
    put(tmp_path, made.certificate_pem, authority(NOW, passphrase=b"CANARY").key_pem)
    assert "the key is encrypted" in refused(spec, tmp_path / "pki")
    put(tmp_path, made.certificate_pem, b"x" * (1 << 20) + b"x")
    network = Networking(pod_network="manifest", pod_network_manifest=str(tmp_path))
    message = refused(replace(spec, networking=network), tmp_path / "pki")
    assert "2 problems" in message
    assert "own.key is larger than 1 MiB" in message
    assert f"networking.podNetworkManifest: {tmp_path} cannot be read: Is a directory" in message


def test_one_key_for_two_authorities(tmp_path: Path) -> None:
    """Copies of one authority under two names are found by their key."""
    made = authority(NOW)
    put(tmp_path, made.certificate_pem, made.key_pem)
    (tmp_path / "copy.crt").write_bytes(made.certificate_pem)
    own = [
        OwnAuthority(certificate=str(tmp_path / name), key=str(tmp_path / "own.key"))
        for name in ("own.crt", "copy.crt")
    ]
    spec = replace(SPEC, security=Security(own_ca=OwnAuthorities(cluster=own[0], front_proxy=own[1])))
    assert "security.ownCA.frontProxy.certificate: this is also the CA of cluster" in refused(spec, tmp_path / "pki")


def test_a_manifest_is_read_and_anything_else_is_refused(tmp_path: Path) -> None:
    """The file's content goes to the plan as it is."""
    file = tmp_path / "net.yaml"
    spec = replace(SPEC, networking=Networking(pod_network="manifest", pod_network_manifest=str(file)))
    file.write_text("# mine\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    found = operator_files.read(spec, tmp_path / "pki", NOW).own_network
    assert found is not None
    assert found.content == file.read_bytes()
    file.write_text("apiVersion: v1\nkind: CANARY\n")
    message = refused(spec, tmp_path / "pki")
    assert f"networking.podNetworkManifest: {file}: document 1 has no metadata.name" in message
    assert "CANARY" not in message
