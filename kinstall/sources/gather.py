"""What the operator's machine contributes, looked at before a node is changed: what lets nodes in at mirrors, and the
release files and image archives that it sends. Whatever cannot be had becomes a finding.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from assets.inputs import MirrorAccess
from kinstall.cluster import ClusterSpec
from kinstall.cluster.release_files import (
    ARCHITECTURES,
    Place,
    ReleaseFile,
    image_refs,
    pinned_digest,
    release_files,
    tarball,
)
from kinstall.engine.steps import Archive
from kinstall.errors import KinstallError, UsageError
from kinstall.findings import Finding, Severity
from kinstall.secrets import Secrets
from kinstall.sources import image_archive, server_tarball
from kinstall.sources.file_digests import checked
from kinstall.sources.server_tarball import Unpacked, unpacked

CHECK = "sources"


@dataclass(frozen=True, slots=True)
class Sources:
    """`mirrors`: registry → what its mirror wants. `digests`: architecture → release file → SHA-256 (hex), of those
    that are sent; `archives`: architecture → image → the archive that it is in; `paths`: digest → where it lies here.
    """

    mirrors: dict[str, MirrorAccess] = field(default_factory=dict)
    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    archives: dict[str, dict[str, Archive]] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def tell(self, error: KinstallError) -> None:
        self.findings.append(Finding("", CHECK, Severity.ERROR, error.what, error.remedy))

    @contextmanager
    def telling(self) -> Iterator[None]:
        """An error inside is told, and does not keep the rest from being looked at."""
        try:
            yield
        except KinstallError as error:
            self.tell(error)


def gather(spec: ClusterSpec, archs: Iterable[str], secrets: Secrets) -> Sources:
    """Everything for nodes of these architectures; local files are read whole, and a server tarball is unpacked."""
    archs = sorted(set(archs) & set(ARCHITECTURES))
    found = Sources()
    for registry in spec.images.mirrors:
        with found.telling():
            _mirror(spec, registry, secrets, found)
    tarballs: dict[str, Unpacked] = {}
    for arch in archs if spec.downloads.server_tarball else ():
        with found.telling():
            tarballs[arch] = _tarball(spec, arch)
    for arch in archs:
        for file in release_files(spec, arch):
            if file.place is Place.SITE or (file.place is Place.TARBALL and arch not in tarballs):
                continue
            with found.telling():
                path, digest = _file(spec, file, tarballs.get(arch))
                found.digests.setdefault(arch, {})[file.name] = digest
                found.paths[digest] = path
    if spec.images.source == "archives" and (len(tarballs) == len(archs) or not spec.downloads.server_tarball):
        _archives(spec, archs, tarballs, found)
    if not found.findings and (found.mirrors or found.paths):
        found.findings.append(Finding("", CHECK, Severity.OK, "what this machine contributes is there and right"))
    return found


def operators_file(spec: ClusterSpec, file: ReleaseFile) -> tuple[Path, str]:
    """Where a release file that is no site's lies on this machine, and its SHA-256 (hex), which was checked.

    Raises:
        UsageError: it cannot be had, nothing vouches for it, or it is another file
    """
    return _file(spec, file, _tarball(spec, file.arch) if file.place is Place.TARBALL else None)


def made_up(spec: ClusterSpec, archs: Iterable[str]) -> Sources:
    """What gather() would find if all that the answers name were there: no file is read, no secret asked for. Digests
    are those of the files' names."""
    found = Sources()
    for registry, mirror in spec.images.mirrors.items():
        found.mirrors[registry] = MirrorAccess(
            authorization="Basic rehearsal" if mirror.user else "",
            ca=f"made up in the place of {mirror.ca_file}\n".encode() if mirror.ca_file else b"",
        )
    for arch in archs:
        files = (file for file in release_files(spec, arch) if file.place is not Place.SITE)
        found.digests[arch] = {file.name: _made_up_digest(file.url) for file in files}
        if spec.images.source == "archives":
            place = spec.images.archives or tarball(spec, arch)
            found.archives[arch] = {ref: Archive(place, _made_up_digest(ref), ref) for ref in image_refs(spec).all()}
    return found


def _made_up_digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


# Mirrors


def _mirror(spec: ClusterSpec, registry: str, secrets: Secrets, found: Sources) -> None:
    mirror = spec.images.mirrors[registry]
    if mirror.user or mirror.ca_file:
        authorization = _basic(mirror.user, mirror.password, secrets) if mirror.user else ""
        found.mirrors[registry] = MirrorAccess(
            authorization=authorization, ca=_authority(mirror.ca_file) if mirror.ca_file else b""
        )


def _basic(user: str, reference: str, secrets: Secrets) -> str:
    encoded = base64.b64encode(f"{user}:{secrets.resolve(reference).reveal()}".encode()).decode()
    secrets.redactor.add(encoded)
    return f"Basic {encoded}"


def _authority(name: str) -> bytes:
    remedy = "images.mirrors[…].caFile must name a file with a certificate in PEM"
    try:
        content = Path(name).expanduser().read_bytes()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}", remedy) from None
    if b"PRIVATE KEY-----" in content:
        raise UsageError(f"{name} holds a private key, which no node may get", remedy)
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise UsageError(f"{name} holds no certificate in PEM", remedy)
    return content


# Release files


def _tarball(spec: ClusterSpec, arch: str) -> Unpacked:
    found = unpacked(tarball(spec, arch), spec.downloads.sha256)
    if found.release != spec.kubernetes_version:
        raise UsageError(
            f"{found.place} is the tarball of release {found.release}, not {spec.kubernetes_version}",
            "name the tarball of this release, or its version as kubernetesVersion",
        )
    return found


def _file(spec: ClusterSpec, file: ReleaseFile, from_tarball: Unpacked | None) -> tuple[Path, str]:
    pin = pinned_digest(spec, file)
    if from_tarball is None or file.place is Place.FOLDER:
        return checked(file.url, pin, file.checksums, file.name)
    path, digest = from_tarball.member(file.name)
    if pin and pin != digest:
        raise UsageError(
            f"{file.name} in {from_tarball.place} has the checksum {digest}, but downloads.sha256 says {pin}",
            "name the tarball of this release, or mend the pin",
        )
    return path, digest


# Image archives


def _archives(spec: ClusterSpec, archs: Iterable[str], tarballs: Mapping[str, Unpacked], found: Sources) -> None:
    known: list[tuple[Archive, frozenset[str]]] = []
    others: list[tuple[Archive, frozenset[str]]] = []
    before = len(found.findings)
    if spec.images.archives:
        with found.telling():
            for path in image_archive.files_in(spec.images.archives):
                with found.telling():
                    others += _in_folder(spec, path, found)
    known += others
    for each in tarballs.values():
        with found.telling():
            known += _in_tarball(each, found)
    if len(found.findings) > before:
        return  # what else is missing may be in there
    for arch in archs:
        taken: set[str] = set()
        for ref in image_refs(spec).all():
            names = image_archive.names_for(ref, spec.images.image_repository, arch)
            taken.update(names)
            match = next((each for name in names for each, has in known if each.name == name and arch in has), None)
            if match is None:
                found.tell(_missing(spec, ref, arch, [each.name for each, _ in known]))
            else:
                found.archives.setdefault(arch, {})[ref] = match
        for archive, has in others:  # whatever else lies there: a pod network's images, an application's
            if arch in has and archive.name not in taken:
                found.archives.setdefault(arch, {})[archive.name] = archive


def _missing(spec: ClusterSpec, ref: str, arch: str, names: Iterable[str]) -> UsageError:
    stem = ref.rpartition(":")[0].rpartition("/")[2]
    near = sorted({name for name in names if name.rpartition(":")[0].rpartition("/")[2].startswith(stem)})
    places = [place for place in (spec.images.archives, spec.downloads.server_tarball) if place]
    return UsageError(
        f"no archive in {' or '.join(places)} holds {ref} for {arch}"
        + (f", only {', '.join(near)} (of another architecture, or another tag)" if near else ""),
        "put one there (`docker save`, `ctr images export`), or name the tag that is there under images",
    )


def _in_folder(spec: ClusterSpec, path: Path, found: Sources) -> list[tuple[Archive, frozenset[str]]]:
    shown = f"{spec.images.archives}/{path.name}"
    pin = spec.downloads.sha256.get(path.name, "").lower()
    # Nobody publishes checksums of archives, which operators make themselves: without one the file is taken as it is.
    _, digest = checked(shown, pin, f"{shown}.sha256", path.name, needs_word=False)
    images = image_archive.read(path)
    found.paths[digest] = path
    return [(Archive(shown, digest, name), archs) for name, archs in images.items()]


def _in_tarball(tarball: Unpacked, found: Sources) -> list[tuple[Archive, frozenset[str]]]:
    known = []
    for stem in server_tarball.IMAGES:
        path, digest = tarball.member(f"{stem}.tar")
        found.paths[digest] = path
        shown = f"{tarball.place}#{server_tarball.HOME}/{stem}.tar"
        known += [(Archive(shown, digest, name), archs) for name, archs in image_archive.read(path).items()]
    return known
