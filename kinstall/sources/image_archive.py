"""Image archives as `docker save`, `ctr images export`, skopeo and the release's server tarball write them: what is in
them, read without unpacking.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from posixpath import normpath
from typing import Any

from kinstall import files
from kinstall.errors import UsageError

_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_UPSTREAM = "registry.k8s.io"
_LARGEST = 4 << 20
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")


def files_in(folder: str) -> list[Path]:
    """The archives in a folder, by name.

    Raises:
        UsageError: it cannot be read, or there are none
    """
    try:
        paths = sorted(path for path in Path(folder).expanduser().iterdir() if path.name.endswith(_SUFFIXES))
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {folder}: {why}", "images.archives must name a folder") from None
    if not paths:
        raise UsageError(f"{folder} has no image archive in it", f"put files there that end in {', '.join(_SUFFIXES)}")
    return paths


def names_for(ref: str, repository: str, arch: str) -> tuple[str, ...]:
    """What an image that the answers call `ref` may be called in an archive, the likeliest first: under the
    repository of the answers or the official one, and with the architecture behind the name, as releases have it.
    """
    name, _, tag = ref.rpartition(":")
    if not name.startswith(f"{repository}/"):
        return ref, f"{name}-{arch}:{tag}"
    path = name.removeprefix(f"{repository}/")
    homes = dict.fromkeys((repository, _UPSTREAM))
    return tuple(f"{home}/{each}:{tag}" for each in (path, f"{path}-{arch}") for home in homes)


def read(path: Path) -> dict[str, frozenset[str]]:
    """The images in an archive: name, as containerd knows it after an import → architectures.

    Raises:
        UsageError: it cannot be read, or is not an image archive
    """
    remedy = "make it again (`docker save`, `ctr images export`)"
    try:
        with files.opened(path) as file, tarfile.open(fileobj=file) as archive:
            reader = _Reader(archive)
            if not reader.members.keys() & {"oci-layout", "manifest.json"}:
                raise UsageError(f"{path} is not an image archive: it has neither manifest.json nor oci-layout", remedy)
            found = _collected(_oci(reader) if "oci-layout" in reader.members else _docker(reader))
    except (OSError, EOFError, tarfile.TarError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as an image archive: {error}", remedy) from None
    if not found:
        raise UsageError(f"{path} holds no image with a name", "save it by its name: docker save NAME:TAG")
    return found


def _collected(pairs: Iterator[tuple[str, frozenset[str]]]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name, archs in pairs:
        found[name] = found.get(name, frozenset()) | archs
    return found


class _Reader:
    """JSON out of a tar; going through all its members finds one that was cut off."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.members = {normpath(member.name): member for member in archive}

    def json(self, name: str) -> Any:
        member = self.members[name]
        file = self._archive.extractfile(member)
        if file is None or member.size > _LARGEST:
            raise ValueError(f"{name} is not a description of an image")
        return json.load(file)

    def blob(self, digest: str) -> Any:
        return self.json(f"blobs/{digest.replace(':', '/')}")


def _oci(reader: _Reader) -> Iterator[tuple[str, frozenset[str]]]:
    for entry in reader.json("index.json")["manifests"]:
        notes = entry.get("annotations") or {}
        # A tag alone is not a name: containerd would name the image by the day's date.
        name = notes.get("io.containerd.image.name") or notes.get("org.opencontainers.image.ref.name", "")
        if "/" in name and ":" in name:
            yield _full(name), frozenset(_architectures(reader, entry))


def _architectures(reader: _Reader, entry: dict[str, Any]) -> Iterator[str]:
    if entry.get("mediaType") in _INDEXES:
        for each in reader.blob(entry["digest"])["manifests"]:
            # An index may name platforms whose parts were not put into the archive.
            if f"blobs/{each['digest'].replace(':', '/')}" in reader.members:
                yield from _architectures(reader, each)
        return
    platform = entry.get("platform") or {}
    if platform.get("architecture"):
        yield platform["architecture"]
    else:
        yield reader.blob(reader.blob(entry["digest"])["config"]["digest"])["architecture"]


def _docker(reader: _Reader) -> Iterator[tuple[str, frozenset[str]]]:
    for image in reader.json("manifest.json"):
        arch = frozenset({reader.json(normpath(image["Config"]))["architecture"]})
        for name in image.get("RepoTags") or ():
            yield _full(name), arch


def _full(name: str) -> str:
    """`etcd:1` → `docker.io/library/etcd:1`, as every program of Docker's family reads it."""
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"
