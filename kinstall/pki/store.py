"""The PKI in the operator's state folder: read, completed, renewed, written; the only I/O around keys.

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
from kinstall import files
from kinstall.cluster import ClusterSpec
from kinstall.errors import KinstallError

_LARGEST = 1 << 20


class PkiMissing(KinstallError):
    """The state folder does not hold the keys of a running cluster."""


class PkiUnusable(KinstallError):
    """The state folder holds keys that cannot be used."""


def ensure_pki(
    spec: ClusterSpec,
    folder: Path,
    now: datetime,
    create_cas: bool,
    own: Mapping[Signer, KeyPair] = MappingProxyType({}),
) -> ClusterPki:
    """Every key and certificate the spec asks for, from `folder`; what is missing or near its end is made and written.

    `now` is aware. CAs are only made if `create_cas`; those of the operator's `own` are used instead of made ones.
    Raises PkiMissing, PkiUnusable and OSError.
    """
    _private_folder(folder)
    authorities = {signer: _authority(spec, folder, signer, now, create_cas, own.get(signer)) for signer in Signer}
    service_accounts = _service_accounts(spec, folder, create_cas)
    wanted = [request for node in (None, *spec.nodes) for request in wanted_leaves(spec, node)]
    # Several at once: each file is synced to the disk, which is most of the time that many nodes' leaves take.
    with ThreadPoolExecutor(max_workers=8) as pool:
        pairs = list(pool.map(lambda request: _leaf(spec, folder, request, authorities, now), wanted))
    leaves = {(request.node, request.name): pair for request, pair in zip(wanted, pairs, strict=True)}
    return ClusterPki(authorities, service_accounts, leaves)


def read_back(folder: Path, contents: Mapping[str, bytes]) -> None:
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
    _private_folder(folder)
    for name in wanted:
        _write(folder / name, contents[name], 0o600 if name.endswith(".key") else 0o644)


def _authority(
    spec: ClusterSpec, folder: Path, signer: Signer, now: datetime, create: bool, own: KeyPair | None
) -> KeyPair:
    certificate, key = folder / f"{signer}.crt", folder / f"{signer}.key"
    # A key alone is what a crash leaves between the two files, before anything was signed: it counts as nothing.
    if certificate.exists():
        pair = KeyPair(files.read(certificate, _LARGEST), _key_bytes(key, certificate))
        _checked(pair, str(certificate))
        if own and own.certificate_pem != pair.certificate_pem:
            pair = _reissued(pair, own, certificate)
        if issue.expires(pair.certificate_pem) <= now:
            raise PkiUnusable(
                f"the certificate authority {certificate} expired on {issue.expires(pair.certificate_pem):%Y-%m-%d}",
                "Check this machine's clock. An expired CA means new certificates for the whole cluster.",
            )
        return pair
    if not create:
        raise _missing(certificate)
    security = spec.security
    pair = own or issue.new_authority(CA_COMMON_NAMES[signer], security.key_type, now, security.ca_days)
    _write(key, pair.key_pem, 0o600)
    _write(certificate, pair.certificate_pem, 0o644)
    return pair


def _reissued(pair: KeyPair, own: KeyPair, certificate: Path) -> KeyPair:
    """The same CA with a new certificate; any other one would cut every node off from the cluster."""
    if issue.ca_fingerprint(own.certificate_pem) != issue.ca_fingerprint(pair.certificate_pem):
        raise PkiUnusable(
            f"security.ownCA names a different CA from {certificate}, with which the cluster was made",
            "Put the former one back; for a different CA reset the cluster with --forget-pki, and install it again.",
        )
    _write(certificate, own.certificate_pem, 0o644)
    return own


def _service_accounts(spec: ClusterSpec, folder: Path, create: bool) -> SigningKey:
    public, key = folder / "sa.pub", folder / "sa.key"
    if key.exists():
        try:
            # The public half follows from the key, so a lost sa.pub costs nothing.
            pair = SigningKey(issue.public_key_of(files.read(key, _LARGEST)), files.read(key, _LARGEST))
        except ValueError as error:
            raise PkiUnusable(f"{key} is not a key: {error}", f"Restore {folder} from a backup.") from error
    elif create:
        pair = issue.new_signing_key(spec.security.key_type)
        _write(key, pair.key_pem, 0o600)
    else:
        raise _missing(key)
    if not public.exists() or files.read(public, _LARGEST) != pair.public_pem:
        _write(public, pair.public_pem, 0o644)
    return pair


def keep_leaf(folder: Path, request: LeafRequest, pair: KeyPair) -> None:
    """Put a certificate and its key where `ensure_pki` finds them, which also decides whether they are usable."""
    _write(_leaf_path(folder, request), pair.certificate_pem + pair.key_pem, 0o600)


def _leaf_path(folder: Path, request: LeafRequest) -> Path:
    return folder / "nodes" / request.node / f"{request.name}.pem" if request.node else folder / f"{request.name}.pem"


def _leaf(
    spec: ClusterSpec, folder: Path, request: LeafRequest, authorities: Mapping[Signer, KeyPair], now: datetime
) -> KeyPair:
    path = _leaf_path(folder, request)
    ca, security = authorities[request.signer], spec.security
    kept = _split(files.read(path, _LARGEST)) if path.exists() else None
    if kept and not issue.needs_renewal(kept, request, ca, security.key_type, now):
        return kept
    pair = issue.issue(request, ca, security.key_type, now, security.leaf_days)
    _write(path, pair.certificate_pem + pair.key_pem, 0o600)
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


def _key_bytes(key: Path, certificate: Path) -> bytes:
    if not key.exists():
        raise PkiUnusable(f"{certificate} is there, but not its key {key.name}", f"Restore {key} from a backup.")
    return files.read(key, _LARGEST)


def _missing(path: Path) -> PkiMissing:
    return PkiMissing(
        f"the cluster is running, but {path} is missing; new keys would cut every node off from it",
        f"Restore {path.parent} from a backup of this state folder, use the machine the cluster was installed from, or "
        "have the keys read back from the control plane: kinstall replay --recover-pki.",
    )


def _private_folder(folder: Path) -> None:
    _make(folder)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


def _make(folder: Path) -> None:
    # Path.mkdir(parents=True) gives the parents the default mode.
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _write(path: Path, content: bytes, mode: int) -> None:
    _make(path.parent)
    files.write(path, content, mode)
