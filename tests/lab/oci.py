"""Writing images: an OCI layout, archives of some of its images, and the storage of a registry that serves them.

Same programs in, same bytes out. Layers are not compressed: on one machine compressing costs more than it saves.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True)
class File:
    """A program in a layer, under one or several names (hard links)."""

    source: Path
    names: tuple[str, ...]
    capability: str = ""


Layer = tuple[File, ...] | Path


@dataclass(frozen=True, slots=True)
class Image:
    """An image to write. A layer is a list of programs, or a whole tree."""

    name: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...] = ()
    user: str = ""


class Writer:
    """Writes an OCI layout; `digests` are those of the manifests by the images' names."""

    def __init__(self, layout: Path) -> None:
        self._layout = layout
        self._layers: dict[Layer, dict[str, Any]] = {}
        self._manifests: list[dict[str, Any]] = []
        self.digests: dict[str, str] = {}
        (layout / "blobs/sha256").mkdir(parents=True)

    def add(self, image: Image) -> None:
        layers = [self._layer(layer) for layer in image.layers]
        process: dict[str, Any] = {"Env": [_PATH], "Entrypoint": list(image.entrypoint), "WorkingDir": "/"}
        process |= {"Cmd": list(image.command)} if image.command else {}
        process |= {"User": image.user} if image.user else {}
        config = {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": process,
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "kinstall's lab"} for _ in layers],
        }
        manifest: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._json(config, _CONFIG),
            "layers": layers,
        }
        described = self._json(manifest, _MANIFEST)
        self._manifests.append(_named(described, image.name))
        self.digests[image.name] = described["digest"]

    def close(self) -> None:
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": self._manifests}
        (self._layout / "index.json").write_text(json.dumps(index))
        (self._layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def _layer(self, layer: Layer) -> dict[str, Any]:
        if layer not in self._layers:
            self._layers[layer] = self._blob(layer)
        return self._layers[layer]

    def _blob(self, layer: Layer) -> dict[str, Any]:
        blobs = self._layout / "blobs/sha256"
        with tarfile.open(blobs / "new", "w", format=tarfile.PAX_FORMAT) as archive:
            if isinstance(layer, Path):
                _add_tree(archive, layer)
            else:
                _add_files(archive, layer)
        with (blobs / "new").open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = (blobs / "new").stat().st_size
        (blobs / "new").rename(blobs / digest)
        return {"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": size}

    def _json(self, value: dict[str, Any], media_type: str) -> dict[str, Any]:
        data = json.dumps(value, sort_keys=True).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self._layout / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def publish(layout: Path, storage: Path) -> None:
    """Put a layout's images into the distribution registry's file storage, which may be served meanwhile.

    Blobs lie there by digest as symbolic links into the layout; per repository small files link to them. A tag's link
    comes last: whoever finds it finds all the rest.
    """
    home = storage / "docker/registry/v2"
    for described, manifest in _images(layout):
        repository, tag = _name(described).split("/", 1)[1].rsplit(":", 1)
        for digest in [described["digest"], *_parts(manifest)]:
            stored = home / "blobs/sha256" / digest[7:9] / digest[7:] / "data"
            stored.parent.mkdir(parents=True, exist_ok=True)
            replace_link(stored, blob(layout, digest))
        of_repository = home / "repositories" / repository
        for digest in _parts(manifest):
            _link(of_repository / "_layers/sha256" / digest[7:], digest)
        _link(of_repository / "_manifests/revisions/sha256" / described["digest"][7:], described["digest"])
        of_tag = of_repository / "_manifests/tags" / tag
        _link(of_tag / "index/sha256" / described["digest"][7:], described["digest"])
        _link(of_tag / "current", described["digest"])


def write_archive(layout: Path, names: Mapping[str, str], target: Path, *, oci: bool = True) -> None:
    """An archive of some images for `ctr -n k8s.io images import` and whatever else reads such files.

    `names`: an image of the layout → its name in the archive. With `manifest.json` (what older programs read) and, with
    `oci`, also as an OCI layout: so does `docker save` write today.
    """
    chosen = [each for each in _images(layout) if _name(each[0]) in names]
    entries, manifests, blobs = [], [], []
    for described, manifest in chosen:
        name = names[_name(described)]
        paths = [f"blobs/sha256/{digest[7:]}" for digest in _parts(manifest)]
        entries.append({"Config": paths[0], "RepoTags": [name], "Layers": paths[1:]})
        manifests.append(_named({key: described[key] for key in ("mediaType", "digest", "size")}, name))
        blobs += [*([described["digest"]] if oci else []), *_parts(manifest)]
    texts = {"manifest.json": json.dumps(entries)}
    if oci:
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
        texts |= {"oci-layout": (layout / "oci-layout").read_text(), "index.json": json.dumps(index)}
    with tarfile.open(target, "w") as archive:
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        for digest in dict.fromkeys(blobs):
            archive.add(blob(layout, digest), f"blobs/sha256/{digest[7:]}", filter=_anonymous)


def blob(layout: Path, digest: str) -> Path:
    return layout / "blobs/sha256" / digest.removeprefix("sha256:")


def replace_link(link: Path, target: Path) -> None:
    """Have a symbolic link to `target`, at no moment without one."""
    if not link.is_symlink() or link.readlink() != target:
        new = link.with_name(f".{link.name}.{os.getpid()}")
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.rename(link)


def _images(layout: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(entry in the index, manifest) of each image."""
    index = json.loads((layout / "index.json").read_text())
    return [(each, json.loads(blob(layout, each["digest"]).read_text())) for each in index["manifests"]]


def _name(described: Mapping[str, Any]) -> str:
    name: str = described["annotations"]["io.containerd.image.name"]
    return name


def _parts(manifest: Mapping[str, Any]) -> list[str]:
    """Digests of an image's configuration and its layers."""
    return [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]


def _named(described: dict[str, Any], name: str) -> dict[str, Any]:
    return described | {
        "annotations": {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rsplit(":", 1)[1],
        }
    }


def _link(directory: Path, digest: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ".link").write_text(digest)
    (directory / ".link").rename(directory / "link")


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 0
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _timeless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 0
    member.uname = member.gname = ""
    return member


def _add_tree(archive: tarfile.TarFile, root: Path) -> None:
    """Everything below a directory; tarfile walks a directory in the order of its names."""
    for child in sorted(root.iterdir()):
        archive.add(child, child.name, filter=_timeless)


def _add_files(archive: tarfile.TarFile, files: tuple[File, ...]) -> None:
    parents = {str(parent) for file in files for name in file.names for parent in Path(name).parents} - {"."}
    for parent in sorted(parents):
        member = tarfile.TarInfo(parent)
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
    for file in files:
        first, *others = file.names
        member = tarfile.TarInfo(first)
        member.mode, member.size = 0o755, file.source.stat().st_size
        if file.capability:
            member.pax_headers = {"SCHILY.xattr.security.capability": file.capability}
        with file.source.open("rb") as content:
            archive.addfile(member, content)
        for other in others:
            link = tarfile.TarInfo(other)
            link.type, link.linkname, link.mode = tarfile.LNKTYPE, first, 0o755
            archive.addfile(link)
