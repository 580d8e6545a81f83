"""Stand-ins for what the operator's machine would provide: for rehearsals, `render` and tests."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from assets.inputs import MirrorAccess
from kinstall.cluster import ClusterSpec
from kinstall.cluster.release_files import Place, image_refs, release_files, tarball
from kinstall.engine.steps import Archive
from kinstall.sources.model import Sources


def placeholders(spec: ClusterSpec, archs: Iterable[str]) -> Sources:
    """What gather() would return if all that the answers name were there: no file is read, no secret asked for.
    Digests are those of the files' names."""
    sources = Sources()
    for registry, mirror in spec.images.mirrors.items():
        sources.mirrors[registry] = MirrorAccess(
            authorization="Basic rehearsal" if mirror.user else "",
            ca=f"made up in the place of {mirror.ca_file}\n".encode() if mirror.ca_file else b"",
        )
    for arch in archs:
        files = (file for file in release_files(spec, arch) if file.place is not Place.SITE)
        sources.digests[arch] = {file.name: _digest(file.url) for file in files}
        if spec.images.source == "archives":
            place = spec.images.archives or tarball(spec, arch)
            sources.archives[arch] = {ref: Archive(place, _digest(ref), ref) for ref in image_refs(spec).all()}
    return sources


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
