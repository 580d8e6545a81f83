"""The PKI in the operator's state folder: read, completed, renewed, written.

CAs and the service accounts' key are there under the names operators know (`ca.crt`, `ca.key`, `etcd/ca.crt`,
`sa.key` …). A leaf is one file, certificate and key together, so that a crash leaves the old pair or the new one:
`nodes/NODE/apiserver.pem`, `admin.pem`.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from assets.credentials import issue
from assets.credentials.pki import CA_COMMON_NAMES, ClusterPki, KeyPair, LeafRequest, Signer, SigningKey
from assets.credentials.required import wanted_leaves
from kinstall.cluster import ClusterSpec
from kinstall.errors import KinstallError
from kinstall.pki.pki_folder import PkiFolder


class PkiMissing(KinstallError):
    """The state folder does not hold the keys of a running cluster."""


class PkiUnusable(KinstallError):
    """The state folder holds keys that cannot be used."""


def ensure_pki(
    spec: ClusterSpec,
    folder: PkiFolder,
    now: datetime,
    create_cas: bool,
    own: Mapping[Signer, KeyPair] = MappingProxyType({}),
) -> ClusterPki:
    """Every key and certificate the spec asks for, from `folder`; what is missing or expires soon is made.

    `now` is aware. CAs are only made if `create_cas`; those of the operator's `own` are used instead of made ones.
    Raises PkiMissing, PkiUnusable and OSError.
    """
    folder.protect()
    authorities = {signer: _authority(spec, folder, signer, now, create_cas, own.get(signer)) for signer in Signer}
    service_accounts = _service_accounts(spec, folder, create_cas)
    wanted = [request for node in (None, *spec.nodes) for request in wanted_leaves(spec, node)]
    # Several at once: each file is synced to the disk, which is most of the time that many nodes' leaves take.
    with ThreadPoolExecutor(max_workers=8) as pool:
        pairs = list(pool.map(lambda request: _leaf(spec, folder, request, authorities, now), wanted))
    leaves = {(request.node, request.name): pair for request, pair in zip(wanted, pairs, strict=True)}
    return ClusterPki(authorities, service_accounts, leaves)


def read_back(folder: PkiFolder, contents: Mapping[str, bytes]) -> None:
    """Fills an empty PKI folder with the authorities and the sa key of a control plane.

    `contents` by their path below /etc/kubernetes/pki (`ca.crt`, `etcd/ca.key` …). Keys go first, so that a
    folder is never left with a certificate alone. Raises PkiUnusable when they do not belong together, writing nothing.
    """
    wanted = [f"{signer}.{suffix}" for suffix in ("key", "crt") for signer in Signer] + ["sa.key", "sa.pub"]
    missing = [name for name in wanted if name not in contents]
    if missing:
        raise PkiUnusable(
            f"the control plane does not hold {', '.join(missing)}", "Restore /etc/kubernetes/pki from a backup."
        )
    for signer in Signer:
        _checked(KeyPair(contents[f"{signer}.crt"], contents[f"{signer}.key"]), f"{signer}.crt")
    folder.protect()
    for name in wanted:
        folder.write(name, contents[name])


def _authority(
    spec: ClusterSpec, folder: PkiFolder, signer: Signer, now: datetime, create: bool, own: KeyPair | None
) -> KeyPair:
    name, path = f"{signer}.crt", folder.path / f"{signer}.crt"
    certificate = folder.read(name)
    # A key alone is what a crash leaves between the two files, before anything was signed: it counts as nothing.
    if certificate is not None:
        pair = KeyPair(certificate, _key_of(folder, signer))
        _checked(pair, str(path))
        if own and own.certificate_pem != pair.certificate_pem:
            _check_same_ca(pair, own, path)
            folder.write(name, own.certificate_pem)
            pair = own
        if issue.expires(pair.certificate_pem) <= now:
            raise PkiUnusable(
                f"the certificate authority {path} expired on {issue.expires(pair.certificate_pem):%Y-%m-%d}",
                "Check this machine's clock. An expired CA means new certificates for the whole cluster.",
            )
        return pair
    if not create:
        raise _missing(path)
    security = spec.security
    pair = own or issue.new_authority(CA_COMMON_NAMES[signer], security.key_type, now, security.ca_days)
    folder.write(f"{signer}.key", pair.key_pem)
    folder.write(name, pair.certificate_pem)
    return pair


def _check_same_ca(pair: KeyPair, own: KeyPair, path: Path) -> None:
    """Only a new certificate of the same CA will do: any other one would cut every node off from the cluster."""
    if issue.ca_fingerprint(own.certificate_pem) != issue.ca_fingerprint(pair.certificate_pem):
        raise PkiUnusable(
            f"security.ownCA names a different CA from {path}, with which the cluster was made",
            "Put the former one back; for a different CA reset the cluster with --forget-pki, and install it again.",
        )


def _service_accounts(spec: ClusterSpec, folder: PkiFolder, create: bool) -> SigningKey:
    path, key = folder.path / "sa.key", folder.read("sa.key")
    if key is not None:
        try:
            # The public half follows from the key, so a lost sa.pub costs nothing.
            pair = SigningKey(issue.public_key_of(key), key)
        except ValueError as error:
            raise PkiUnusable(f"{path} is not a key: {error}", f"Restore {folder.path} from a backup.") from error
    elif create:
        pair = issue.new_signing_key(spec.security.key_type)
        folder.write("sa.key", pair.key_pem)
    else:
        raise _missing(path)
    if folder.read("sa.pub") != pair.public_pem:
        folder.write("sa.pub", pair.public_pem)
    return pair


def keep_leaf(folder: PkiFolder, request: LeafRequest, pair: KeyPair) -> None:
    """Put a certificate and its key where `ensure_pki` finds them, which also decides whether they are usable."""
    folder.write(_leaf_name(request), pair.certificate_pem + pair.key_pem)


def _leaf_name(request: LeafRequest) -> str:
    return f"nodes/{request.node}/{request.name}.pem" if request.node else f"{request.name}.pem"


def _leaf(
    spec: ClusterSpec, folder: PkiFolder, request: LeafRequest, authorities: Mapping[Signer, KeyPair], now: datetime
) -> KeyPair:
    name = _leaf_name(request)
    ca, security = authorities[request.signer], spec.security
    content = folder.read(name)
    kept = None if content is None else _split(content)
    if kept and not issue.needs_renewal(kept, request, ca, security.key_type, now):
        return kept
    pair = issue.issue(request, ca, security.key_type, now, security.leaf_days)
    folder.write(name, pair.certificate_pem + pair.key_pem)
    return pair


def _split(content: bytes) -> KeyPair:
    marker = b"-----END CERTIFICATE-----\n"
    certificate, _, key = content.partition(marker)
    return KeyPair(certificate + marker, key)


def _checked(pair: KeyPair, name: str) -> None:
    try:
        matching = issue.belongs_together(pair)
    except ValueError as error:
        raise PkiUnusable(f"{name} or its key cannot be read: {error}", "Restore the pair from a backup.") from error
    if not matching:
        raise PkiUnusable(f"{name} and its key are not a pair", "Restore both from the same backup.")


def _key_of(folder: PkiFolder, signer: Signer) -> bytes:
    key = folder.read(f"{signer}.key")
    if key is None:
        path = folder.path / f"{signer}.key"
        raise PkiUnusable(
            f"{path.with_suffix('.crt')} is there, but not its key {path.name}", f"Restore {path} from a backup."
        )
    return key


def _missing(path: Path) -> PkiMissing:
    return PkiMissing(
        f"the cluster is running, but {path} is missing; new keys would cut every node off from it",
        f"Restore {path.parent} from a backup of this state folder, use the machine the cluster was installed from, or "
        "have the keys read back from the control plane: kinstall replay --recover-pki.",
    )
