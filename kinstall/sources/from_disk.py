"""Release files and image archives that the operator's machine sends to nodes: from a folder, or out of the release's
server tarball; each with its checksum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from kinstall.cluster import ClusterSpec
from kinstall.cluster.image_names import ImageName
from kinstall.cluster.release_files import Place, ReleaseFile, image_refs, pinned_digest, release_files, tarball
from kinstall.engine.steps import Archive
from kinstall.errors import UsageError
from kinstall.sources import image_archive, server_tarball
from kinstall.sources.file_digests import checked
from kinstall.sources.image_archive import Held
from kinstall.sources.model import Sources
from kinstall.sources.server_tarball import Unpacked, unpacked

_Images = list[tuple[Archive, Held]]
"""Images of archives, and what is there of each."""


def add_files(spec: ClusterSpec, archs: Iterable[str], sources: Sources) -> dict[str, Unpacked]:
    """Add every release file that does not come from a site; returns the server tarballs by architecture."""
    tarballs: dict[str, Unpacked] = {}
    for arch in archs if spec.downloads.server_tarball else ():
        with sources.collecting():
            tarballs[arch] = _tarball(spec, arch)
    for arch in archs:
        for file in release_files(spec, arch):
            if file.place is Place.SITE or (file.place is Place.TARBALL and arch not in tarballs):
                continue
            with sources.collecting():
                path, digest = _file(spec, file, tarballs.get(arch))
                sources.digests.setdefault(arch, {})[file.name] = digest
                sources.paths[digest] = path
    return tarballs


def add_archives(spec: ClusterSpec, archs: Iterable[str], tarballs: Mapping[str, Unpacked], sources: Sources) -> None:
    """Add an archive for every image that the cluster needs, and whatever else the folder of archives holds."""
    before = len(sources.findings)
    in_folder: _Images = []
    if spec.images.archives:
        with sources.collecting():
            for path in image_archive.files_in(spec.images.archives):
                with sources.collecting():
                    in_folder += _in_folder(spec, path, sources)
    images = list(in_folder)
    for each in tarballs.values():
        with sources.collecting():
            images += _in_tarball(each, sources)
    if len(sources.findings) > before:
        return  # what else is missing may be in there
    for arch in archs:
        used: set[str] = set()
        for ref in image_refs(spec).all():
            names = image_archive.names_for(ref, spec.images.image_repository, arch)
            used.update(names)
            called_so = [image for name in names for image in images if image[0].name == name]
            match = next((each for each, held in called_so if is_image(held, ref, arch)), None)
            if match is None:
                sources.add_error(_unfit(called_so, ref, arch) or _missing(spec, ref, arch, images))
            else:
                sources.archives.setdefault(arch, {})[ref] = match
        for archive, held in in_folder:  # others in the folder: a pod network's images, an application's
            if arch in held.archs and archive.name not in used:
                sources.archives.setdefault(arch, {})[archive.name] = archive


def operators_file(spec: ClusterSpec, file: ReleaseFile) -> tuple[Path, str]:
    """A release file that does not come from a site: its path on this machine and its SHA-256 (hex), which was checked.

    Raises:
        UsageError: it is not available, there is no checksum for it, or it has another one
    """
    return _file(spec, file, _tarball(spec, file.arch) if file.place is Place.TARBALL else None)


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
            "name the tarball of this release, or fix the pin",
        )
    return path, digest


def is_image(held: Held, ref: str, arch: str) -> bool:
    """Whether what an archive holds under a name of the image is the image, whole and with its digest."""
    digest = ImageName.parse(ref).digest
    return arch in held.archs and digest in ("", held.digest)


def _unfit(called_so: _Images, ref: str, arch: str) -> UsageError | None:
    """Why no image of the right name is the right one; None where there is none of that name for the architecture."""
    digest = ImageName.parse(ref).digest
    for archive, held in called_so:
        if arch in held.lacking:
            return UsageError(
                f"{archive.source} names {archive.name} for {arch}, but {held.lacking[arch]}",
                f"pull the image for linux/{arch} before you save it (`ctr images pull --platform linux/{arch}`)",
            )
        if arch in held.archs and not held.digest:
            return UsageError(
                f"{archive.source} does not keep the digest of {archive.name}, and the answers say {digest}",
                "save it with `ctr images export` or `skopeo copy docker://… oci-archive:…`; or remove the digest from "
                f"the answers, and put {archive.source.rpartition('/')[2]}.sha256 beside the archive",
            )
        if arch in held.archs:
            return UsageError(
                f"the digest of {archive.name} in {archive.source} is {held.digest}, but the answers say {digest}",
                "save the right image with `ctr images export` or `skopeo copy --all` (`docker save` may change the "
                "digest), or fix the digest",
            )
    return None


def _missing(spec: ClusterSpec, ref: str, arch: str, images: _Images) -> UsageError:
    stem = ImageName.parse(ref).repository.rpartition("/")[2]
    names = (archive.name for archive, _ in images)
    near = sorted({each for each in names if ImageName.parse(each).repository.rpartition("/")[2].startswith(stem)})
    places = [place for place in (spec.images.archives, spec.downloads.server_tarball) if place]
    return UsageError(
        f"no archive in {' or '.join(places)} holds {ref} for {arch}"
        + (f", only {', '.join(near)} (of another architecture, tag or digest)" if near else ""),
        "put one there (`docker save`, `ctr images export`), or name the tag that is there under images",
    )


def _in_folder(spec: ClusterSpec, path: Path, sources: Sources) -> _Images:
    shown = f"{spec.images.archives}/{path.name}"
    pin = spec.downloads.sha256.get(path.name, "").lower()
    # Operators make archives themselves, so nobody publishes checksums: without one the file is taken as it is.
    _, digest = checked(shown, pin, f"{shown}.sha256", path.name, needs_checksum=False)
    images = image_archive.read(path)
    sources.paths[digest] = path
    return [(Archive(shown, digest, name), held) for name, held in images.items()]


def _in_tarball(tarball: Unpacked, sources: Sources) -> _Images:
    images: _Images = []
    for stem in server_tarball.IMAGES:
        path, digest = tarball.member(f"{stem}.tar")
        sources.paths[digest] = path
        shown = f"{tarball.place}#{server_tarball.HOME}/{stem}.tar"
        images += [(Archive(shown, digest, name), held) for name, held in image_archive.read(path).items()]
    return images
