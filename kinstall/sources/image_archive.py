"""Image archives as `docker save`, `ctr images export`, skopeo and the release's server tarball write them: what is in
them, read without unpacking.

What containerd makes of them: https://github.com/containerd/containerd/blob/main/core/images/archive/importer.go
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from posixpath import normpath
from typing import Any

from kinstall import files
from kinstall.cluster.image_names import ImageName
from kinstall.errors import UsageError
from kinstall.sources.tar_member import Member

_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
_UPSTREAM = "registry.k8s.io"
_LARGEST = 4 << 20
_SMALL, _ROOM = 64 << 10, 64 << 20
"""Bytes of a description that is read at once, and of all of them."""
_MOST_MEMBERS = 200_000
_DEEPEST = 4
"""Indexes inside one another; programs write two."""
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REMEDY = "make it again (`docker save`, `ctr images export`)"

_BEGINNINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2"}
_TAR, _TAR_AT = b"ustar", 257
_FROM_PYTHON_3_14 = "zst" in tarfile.TarFile.OPEN_METH


@dataclass(frozen=True, slots=True)
class Held:
    """An image in an archive. `archs`: the architectures for which it is there whole. `lacking`: architecture that the
    archive names → what of it is not there. `digest`: `sha256:…` of its index or manifest, under which a registry has
    it; empty where the archive does not keep it.
    """

    archs: frozenset[str]
    digest: str = ""
    lacking: Mapping[str, str] = field(default_factory=dict)


def files_in(folder: str) -> list[Path]:
    """The archives in a folder, by name: what is called like one, and what begins like one.

    Raises:
        UsageError: it cannot be read, or there are none
    """
    try:
        paths = sorted(Path(folder).expanduser().iterdir())
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {folder}: {why}", "images.archives must name a folder") from None
    found = [path for path in paths if path.name.endswith(_SUFFIXES) or _begins_like_one(path)]
    if not found:
        raise UsageError(f"{folder} has no image archive in it", "put archives of images there (.tar, .tar.gz)")
    return found


def names_for(ref: str, repository: str, arch: str) -> tuple[str, ...]:
    """What an image that the answers call `ref` may be called in an archive, the likeliest first: under the
    repository of the answers or the official one, and with the architecture behind the name, as releases have it.
    """
    name = ImageName.parse(ref)
    path = name.repository.removeprefix(f"{repository}/")
    homes = ("",) if path == name.repository else tuple(f"{home}/" for home in dict.fromkeys((repository, _UPSTREAM)))
    repositories = [f"{home}{each}" for each in (path, f"{path}-{arch}") for home in homes]
    by_digest = [ImageName(each, digest=name.digest).stored for each in repositories if name.digest]
    return (*by_digest, *(ImageName(each, name.tag).stored for each in repositories if name.tag))


def read(path: Path) -> dict[str, Held]:
    """The images in an archive by their names, as containerd knows them after an import.

    Raises:
        UsageError: it cannot be read, or is not an image archive
    """
    try:
        _check_compression(path)
        # By itself tarfile tries all that it knows, and xz takes minutes for a gigabyte of zeros.
        mode: Any = {"": "r:", "tar": "r:", "gzip": "r:gz", "zstd": "r:zst"}[_beginning(path)]
        with files.opened(path) as file, tarfile.open(fileobj=file, mode=mode, tarinfo=Member) as archive:
            reader = _Reader(archive)
            found = _collected(_images(reader, path))
    except (OSError, EOFError, tarfile.TarError, ValueError, RecursionError) as error:
        why = (
            "it is nested too deep" if isinstance(error, RecursionError) else getattr(error, "strerror", None) or error
        )
        raise UsageError(f"{path} cannot be read as an image archive: {why}", _REMEDY) from None
    if not found:
        raise UsageError(f"{path} holds no image with a name", "save it by its name: docker save NAME:TAG")
    return found


def _begins_like_one(path: Path) -> bool:
    return _beginning(path) != ""


def _beginning(path: Path) -> str:
    """What the file begins like: `tar` or the name of a compression; empty for anything else."""
    try:
        with files.opened(path) as file:
            head = file.read(512)
    except OSError:
        return ""
    if head[_TAR_AT:].startswith(_TAR):
        return "tar"
    return next((name for begins, name in _BEGINNINGS.items() if head.startswith(begins)), "")


def _check_compression(path: Path) -> None:
    """containerd decompresses gzip and zstd; Python reads zstd from 3.14 on."""
    kind = _beginning(path)
    if kind in ("xz", "bzip2"):
        raise UsageError(
            f"{path} is compressed with {kind}, which containerd does not read", f"decompress it ({kind} -d)"
        )
    if kind == "zstd" and not _FROM_PYTHON_3_14:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        remedy = "decompress it (zstd -d), or start kinstall with Python 3.14"
        raise UsageError(f"{path} is compressed with zstd, which Python {python} does not read", remedy)


def _images(reader: _Reader, path: Path) -> Iterator[tuple[str, Held]]:
    if "oci-layout" in reader.members:
        return _oci(reader)
    if "manifest.json" in reader.members:
        return _docker(reader)
    if "repositories" in reader.members:
        raise UsageError(f"{path} has the format of Docker before 1.10, which containerd does not read", _REMEDY)
    raise UsageError(f"{path} is not an image archive: it has neither manifest.json nor oci-layout", _REMEDY)


def _collected(pairs: Iterator[tuple[str, Held]]) -> dict[str, Held]:
    found: dict[str, Held] = {}
    for name, held in pairs:
        if before := found.get(name):
            archs, digest = before.archs | held.archs, before.digest if before.digest == held.digest else ""
            lacking = {arch: why for arch, why in {**before.lacking, **held.lacking}.items() if arch not in archs}
            held = Held(archs, digest, lacking)
        found[name] = held
    return found


class _Reader:
    """JSON out of a tar; going through all its members finds one that was cut off."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.members: dict[str, tarfile.TarInfo] = {}
        # Read on the way: going back in a compressed archive means to decompress it from its beginning.
        self._small: dict[str, bytes] = {}
        room = _ROOM
        for member in archive:
            name = normpath(member.name)
            self.members[name] = member
            self._small.pop(name, None)
            if member.isreg() and member.size <= min(_SMALL, room) and (file := archive.extractfile(member)):
                self._small[name] = file.read()
                room -= member.size
            if len(self.members) > _MOST_MEMBERS:
                raise ValueError(f"it has more than {_MOST_MEMBERS:,} members")

    def content(self, name: str) -> bytes:
        if name in self._small:
            return self._small[name]
        member = self.members.get(name)
        if member is None:
            raise ValueError(f"{name} is not in it")
        file = self._archive.extractfile(member) if member.isreg() and member.size <= _LARGEST else None
        if file is None:
            raise ValueError(f"{name} is not a description of an image")
        return file.read()

    def blob(self, digest: str) -> dict[str, Any]:
        """A description by its digest, which is compared."""
        content = self.content(_blob(digest))
        if (found := f"sha256:{sha256(content).hexdigest()}") != digest:
            raise ValueError(f"{_blob(digest)} has the digest {found}")
        return _mapping(_parsed(content, digest), digest)

    def has(self, digest: str) -> bool:
        return _blob(digest) in self.members


def _oci(reader: _Reader) -> Iterator[tuple[str, Held]]:
    index = _mapping(_parsed(reader.content("index.json"), "index.json"), "index.json")
    for each in _list(index.get("manifests"), "manifests of index.json"):
        entry = _mapping(each, "an entry of index.json")
        notes = _mapping(entry.get("annotations") or {}, "the annotations of an image")
        # A tag alone is not a name: containerd would name the image by the day's date.
        name = notes.get("io.containerd.image.name") or notes.get("org.opencontainers.image.ref.name")
        if isinstance(name, str) and "/" in name and ":" in name:
            found = dict(_platforms(reader, entry, _DEEPEST))
            lacking = {arch: why for arch, why in found.items() if why}
            yield _full(name), Held(frozenset(found.keys() - lacking.keys()), _digest(entry), lacking)


def _platforms(reader: _Reader, entry: dict[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    """(architecture of Linux, what of it is not there, or "" if it is whole)."""
    digest = _digest(entry)
    platform = _mapping(entry.get("platform") or {}, "a platform")
    arch, system = platform.get("architecture"), platform.get("os") or "linux"
    if system != "linux":
        return  # what a build notes beside an image has the platform `unknown`
    if isinstance(arch, str) and arch and not reader.has(digest):
        yield arch, f"its manifest {digest} is not in it"
        return
    content = reader.blob(digest)
    if entry.get("mediaType") in _INDEXES or "manifests" in content:
        if depth == 0:
            raise ValueError("its indexes are nested too deep")
        for each in _list(content.get("manifests"), f"manifests of {digest}"):
            yield from _platforms(reader, _mapping(each, f"an entry of {digest}"), depth - 1)
        return
    config = _mapping(content.get("config"), f"config of {digest}")
    layers = [
        _mapping(each, f"a layer of {digest}") for each in _list(content.get("layers") or [], f"layers of {digest}")
    ]
    missing = [_digest(part) for part in (config, *layers) if not reader.has(_digest(part))]
    if not (isinstance(arch, str) and arch):
        arch = _architecture(reader.blob(_digest(config)), _digest(config))
    yield arch, f"{missing[0]}, a part of it, is not in it" if missing else ""


def _docker(reader: _Reader) -> Iterator[tuple[str, Held]]:
    for each in _list(_parsed(reader.content("manifest.json"), "manifest.json"), "manifest.json"):
        image = _mapping(each, "an image of manifest.json")
        config = normpath(_text(image.get("Config"), "Config in manifest.json"))
        arch = _architecture(_mapping(_parsed(reader.content(config), config), config), config)
        for layer in _list(image.get("Layers") or [], "Layers in manifest.json"):
            if normpath(_text(layer, "a layer in manifest.json")) not in reader.members:
                raise ValueError(f"{layer}, which manifest.json names, is not in it")
        for name in _list(image.get("RepoTags") or [], "RepoTags in manifest.json"):
            yield _full(_text(name, "a name in manifest.json")), Held(frozenset({arch}))


def _full(name: str) -> str:
    """`etcd:1` → `docker.io/library/etcd:1`, as every program of Docker's family reads it."""
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


# What is in JSON


def _parsed(content: bytes, place: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise ValueError(f"{place} is not JSON") from None


def _digest(entry: dict[str, Any]) -> str:
    digest = entry.get("digest")
    if isinstance(digest, str) and _DIGEST.fullmatch(digest):
        return digest
    raise ValueError("it has no SHA-256 digest where one belongs")


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _architecture(config: dict[str, Any], place: str) -> str:
    return _text(config.get("architecture"), f"architecture in {place}")


def _text(value: Any, place: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError(f"{place} is not a text")


def _list(value: Any, place: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise ValueError(f"{place} is not a list")


def _mapping(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"{place} is not a mapping")
