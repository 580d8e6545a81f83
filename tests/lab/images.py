"""The images, written here as OCI layouts: same programs in, same bytes out.

Names and tags are the real ones. What differs from the released images: one layer each beside a shared one, and layers
that are not compressed, because on one machine compressing costs more than it saves.
"""

import hashlib
import io
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import cache, programs, tree
from tests.lab.paths import SOURCES
from tests.lab.versions import KubernetesRelease, kubernetes_module, versions

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"

# The extended attribute that `setcap cap_net_bind_service=+ep` writes, as the released CoreDNS has it.
_NET_BIND = bytes([1, 0, 0, 2, 0, 4, 0, 0]).ljust(20, b"\0").decode()

_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


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


@dataclass(frozen=True, slots=True)
class Images:
    """The written images: an OCI layout, a registry's storage that shares its blobs, and digests by name."""

    layout: Path
    storage: Path
    digests: dict[str, str]


def written() -> Images:
    images = [image for release in versions().kubernetes for image in _of_release(release)]
    unique = {image.name: image for image in [*images, *_common()]}
    inputs = [repr(image) for image in unique.values()]
    key = cache.key_of(inputs, (SOURCES / "images.py").read_text())

    def build(directory: Path) -> None:
        writer = _Writer(directory / "layout", directory / "registry")
        for image in unique.values():
            writer.add(image)
        writer.close()
        (directory / "digests.json").write_text(json.dumps(writer.digests, indent=1))

    root = cache.entry("images", key, build)
    digests: dict[str, str] = json.loads((root / "digests.json").read_text())
    return Images(root / "layout", root / "registry", digests)


def write_archive(images: Images, names: list[str], target: Path) -> None:
    """An OCI archive of some images, as `ctr -n k8s.io images import` and an offline bundle take it."""
    index = json.loads((images.layout / "index.json").read_text())
    index["manifests"] = [m for m in index["manifests"] if m["annotations"]["io.containerd.image.name"] in names]
    blobs: list[str] = []
    for entry in index["manifests"]:
        manifest = json.loads(_blob(images.layout, entry["digest"]).read_text())
        blobs += [entry["digest"], manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
    with tarfile.open(target, "w") as archive:
        texts = {"oci-layout": (images.layout / "oci-layout").read_text(), "index.json": json.dumps(index)}
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        for digest in dict.fromkeys(blobs):
            source = _blob(images.layout, digest)
            archive.add(source, f"blobs/sha256/{source.name}", filter=_anonymous)


def _of_release(release: KubernetesRelease) -> list[Image]:
    binaries = programs.compiled(kubernetes_module(release))
    shared = (File(binaries / "control-plane", tuple(f"usr/local/bin/{name}" for name in _CONTROL_PLANE)),)
    proxy = (File(binaries / "kube-proxy", ("usr/local/bin/kube-proxy",)),)
    images = [Image(f"registry.k8s.io/{name}:{release.tag}", (shared,), (name,)) for name in _CONTROL_PLANE]
    return [
        *images,
        Image(f"registry.k8s.io/kube-proxy:{release.tag}", (tree.tools_tree(), proxy), ("/usr/local/bin/kube-proxy",)),
    ]


def _common() -> list[Image]:
    made = versions()
    newest = made.kubernetes[0]
    agnhost = programs.compiled(kubernetes_module(newest)) / "agnhost"
    server = programs.compiled(made.module("etcd")) / "etcd"
    tools = programs.compiled(made.module("etcd-tools"))
    etcd = [File(path, (f"usr/local/bin/{path.name}",)) for path in (server, tools / "etcdctl", tools / "etcdutl")]
    coredns = programs.compiled(made.module("coredns")) / "coredns"
    return [
        Image(f"registry.k8s.io/etcd:{newest.etcd}", (tuple(etcd),), ("etcd",)),
        Image(
            f"registry.k8s.io/coredns/coredns:v{newest.coredns}",
            ((File(coredns, ("coredns",), capability=_NET_BIND),),),
            ("/coredns",),
            user="65532:65532",
        ),
        Image(
            f"registry.k8s.io/pause:{made.pause}",
            ((File(programs.pause_program() / "pause", ("pause",)),),),
            ("/pause",),
            user="65535:65535",
        ),
        Image(
            f"registry.k8s.io/e2e-test-images/agnhost:{made.agnhost}",
            (tree.tools_tree(), (File(agnhost, ("agnhost",)),)),
            ("/agnhost",),
            ("pause",),
        ),
    ]


class _Writer:
    """Writes an OCI layout, and beside it the file storage of the distribution registry, sharing the blobs."""

    def __init__(self, layout: Path, storage: Path) -> None:
        self._layout = layout
        self._registry = storage / "docker/registry/v2"
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
        described["annotations"] = {
            "io.containerd.image.name": image.name,
            "org.opencontainers.image.ref.name": image.name.rsplit(":", 1)[1],
        }
        self._manifests.append(described)
        self.digests[image.name] = described["digest"]
        self._publish(image.name, described["digest"], [manifest["config"]["digest"], *(x["digest"] for x in layers)])

    def close(self) -> None:
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": self._manifests}
        (self._layout / "index.json").write_text(json.dumps(index))
        (self._layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def _publish(self, name: str, manifest: str, blobs: list[str]) -> None:
        """The registry's own layout: blobs by digest, and per repository small files that link to them."""
        repository, tag = name.split("/", 1)[1].rsplit(":", 1)
        home = self._registry / "repositories" / repository
        for digest in [manifest, *blobs]:
            stored = self._registry / "blobs/sha256" / digest[7:9] / digest[7:] / "data"
            stored.parent.mkdir(parents=True, exist_ok=True)
            if not stored.exists():
                os.link(_blob(self._layout, digest), stored)
        for digest in blobs:
            _link(home / "_layers/sha256" / digest[7:], digest)
        _link(home / "_manifests/revisions/sha256" / manifest[7:], manifest)
        _link(home / "_manifests/tags" / tag / "current", manifest)
        _link(home / "_manifests/tags" / tag / "index/sha256" / manifest[7:], manifest)

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


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs/sha256" / digest.removeprefix("sha256:")


def _link(directory: Path, digest: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "link").write_text(digest)


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
