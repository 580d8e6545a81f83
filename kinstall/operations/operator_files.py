"""Files on the operator's machine that the answers name: read and checked before any node is asked.

A path is taken as the shell would: `~` is the home folder, what is relative begins in the current one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from assets.credentials import issue
from assets.credentials.pki import KeyPair, Signer
from assets.pod_network import manifest
from kinstall import files
from kinstall.answers.rules.security import own_authorities_of
from kinstall.cluster import ClusterSpec, OwnAuthority
from kinstall.errors import InvalidAnswers
from kinstall.findings import Problem

MAX_MANIFEST = 8 << 20
_MAX_PEM = 1 << 20
_SIGNERS = {"cluster": Signer.CLUSTER, "etcd": Signer.ETCD, "frontProxy": Signer.FRONT_PROXY}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFiles:
    """The pod network's manifest, where the answers name one, and the operator's own CAs."""

    own_network: manifest.Manifest | None
    authorities: Mapping[Signer, KeyPair]


def read(spec: ClusterSpec, pki: Path, now: datetime) -> OperatorFiles:
    """What the answers name; `pki` is the state folder's, `now` is aware.

    Raises:
        InvalidAnswers: a file cannot be used; all such files are named
    """
    problems: list[Problem] = []
    network = _own_network(spec.networking.pod_network_manifest, problems)
    authorities: dict[Signer, KeyPair] = {}
    ends = now + timedelta(days=spec.security.leaf_days)
    for name, own in own_authorities_of(spec.security):
        signer = _SIGNERS[name]
        # Copied once: from then on the files may be kept in a safe.
        copied = (pki / f"{signer}.crt").exists()
        if not own.certificate or (copied and not all(map(_is_there, (own.certificate, own.key)))):
            continue
        if pair := _authority(f"security.ownCA.{name}", own, now, None if copied else ends, problems):
            authorities[signer] = pair
    problems += _shared(authorities)
    _refuse(problems)
    return OperatorFiles(own_network=network, authorities=authorities)


def own_network(spec: ClusterSpec) -> manifest.Manifest | None:
    """The pod network's manifest alone, None where the answers name none.

    Raises:
        InvalidAnswers: it cannot be used
    """
    problems: list[Problem] = []
    found = _own_network(spec.networking.pod_network_manifest, problems)
    _refuse(problems)
    return found


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InvalidAnswers("files that the answers name cannot be used", problems)


def _own_network(path: str, problems: list[Problem]) -> manifest.Manifest | None:
    place = "networking.podNetworkManifest"
    if not path or (content := _content(place, path, MAX_MANIFEST, problems)) is None:
        return None
    try:
        return manifest.read(content)
    except manifest.Unusable as error:
        problems.append(Problem(place, f"{path}: {error}", "name the manifest as its network's project publishes it"))
        return None


def _authority(
    place: str, own: OwnAuthority, now: datetime, ends: datetime | None, problems: list[Problem]
) -> KeyPair | None:
    """`ends`: the date that it must outlive, where it is copied now; None where the cluster has it already."""
    certificate = _content(f"{place}.certificate", own.certificate, _MAX_PEM, problems)
    key = _content(f"{place}.key", own.key, _MAX_PEM, problems)
    if certificate is None or key is None:
        return None
    try:
        pair = issue.read_authority(certificate, key, now, taken=ends is None)
    except ValueError as error:
        at = "key" if str(error).startswith("the key") else "certificate"
        problems.append(Problem(f"{place}.{at}", str(error), "name a CA that may sign certificates for the cluster"))
        return None
    if ends and issue.expires(pair.certificate_pem) < ends:
        message = f"it ends on {issue.expires(pair.certificate_pem):%Y-%m-%d}, before the certificates it would sign"
        problems.append(Problem(f"{place}.certificate", message, "make security.leafDays shorter, or renew it first"))
        return None
    return pair


def _shared(authorities: Mapping[Signer, KeyPair]) -> Iterator[Problem]:
    names = {signer: name for name, signer in _SIGNERS.items()}
    known: dict[str, str] = {}
    for signer, pair in authorities.items():
        fingerprint = issue.ca_fingerprint(pair.certificate_pem)
        if fingerprint in known:
            message = f"this is also the CA of {known[fingerprint]}: what one trusts, the other must not"
            yield Problem(f"security.ownCA.{names[signer]}.certificate", message, "use a separate CA")
        known[fingerprint] = names[signer]


def _is_there(path: str) -> bool:
    return Path(path).expanduser().exists()


def _content(place: str, path: str, most: int, problems: list[Problem]) -> bytes | None:
    try:
        return files.read(path, most)
    except files.TooLarge:
        problems.append(Problem(place, f"{path} is larger than {most >> 20} MiB", "name the right file"))
    except OSError as error:
        problems.append(Problem(place, f"{path} cannot be read: {error.strerror}", "name a file on this machine"))
    return None
