"""Answers, release files and image archives for the tests of what this machine sends."""

from __future__ import annotations

import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from kinstall.cluster import ClusterSpec, Downloads, Node
from kinstall.cluster import Images as ImageAnswers
from kinstall.cluster.release_files import image_refs, release_files
from kinstall.findings import Severity
from kinstall.sources.model import Sources
from kinstall.sources.server_tarball import IMAGES, PROGRAMS

NODE = Node(name="cp1", address="10.0.0.1", role="control-plane")
VERSION = "1.37.2"


def spec_of(images: dict[str, Any] | None = None, **downloads: Any) -> ClusterSpec:
    return ClusterSpec(nodes=(NODE,), images=ImageAnswers(**(images or {})), downloads=Downloads(**downloads))


def errors(found: Sources) -> list[str]:
    return [f"{each.message} | {each.remedy}" for each in found.findings if each.severity is Severity.ERROR]


def tar(target: Path, members: dict[str, bytes | str], mode: str = "w") -> Path:
    """A tar with these members; a text is the name of an earlier one that it is a hard link of."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.LNKTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return target


def saved(*names: str, arch: str = "amd64") -> dict[str, bytes | str]:
    """An image as older programs save it."""
    config = json.dumps({"architecture": arch}).encode()
    return {
        "config.json": config,
        "layer/layer.tar": b"layer of " + " ".join(names).encode(),
        "manifest.json": json.dumps(
            [{"Config": "config.json", "RepoTags": list(names), "Layers": ["layer/layer.tar"]}]
        ).encode(),
    }


def layout(*names: str, arch: str = "amd64") -> dict[str, bytes | str]:
    """Images as an OCI layout."""
    blobs: dict[str, bytes | str] = {}

    def blob(value: object) -> dict[str, str]:
        data = json.dumps(value).encode()
        digest = sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"digest": f"sha256:{digest}", "mediaType": "application/vnd.oci.image.manifest.v1+json"}

    manifests = [
        blob({"config": blob({"architecture": arch, "of": name})}) | {"annotations": {"io.containerd.image.name": name}}
        for name in names
    ]
    return {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps({"manifests": manifests}).encode(),
    } | blobs


def archive_bytes(tmp_path: Path, members: dict[str, bytes | str]) -> bytes:
    return tar(tmp_path / "scratch.tar", members).read_bytes()


def server_tarball(tmp_path: Path, tag: str = f"v{VERSION}", arch: str = "amd64") -> Path:
    """A server tarball as releases have it, its programs links of one another as the lab's."""
    home = "kubernetes/server/bin"
    members: dict[str, bytes | str] = {f"{home}/kube-apiserver": b"all programs in one"}
    members |= {f"{home}/{name}": f"{home}/kube-apiserver" for name in PROGRAMS}
    for name in IMAGES:
        members[f"{home}/{name}.tar"] = archive_bytes(
            tmp_path, saved(f"registry.k8s.io/{name}-{arch}:{tag}", arch=arch)
        )
        members[f"{home}/{name}.docker_tag"] = f"{tag}\n".encode()
    path = tar(tmp_path / f"kubernetes-server-linux-{arch}.tar.gz", members, "w:gz")
    vouch(path)
    return path


def vouch(path: Path) -> None:
    path.with_name(f"{path.name}.sha256").write_text(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n")


def others(folder: Path, spec: ClusterSpec, arch: str = "amd64") -> Path:
    """Archives of the images that no tarball has."""
    refs = image_refs(spec)
    tar(folder / "etcd.tar", saved(refs.etcd, arch=arch))
    tar(folder / "pause.tar.gz", saved(refs.pause, arch=arch), "w:gz")
    tar(folder / "rest.tar", layout(refs.coredns, refs.agnhost, arch=arch))
    return folder


def files(folder: Path, spec: ClusterSpec) -> Path:
    """The release files with the checksum files of their sites."""
    folder.mkdir()
    for file in release_files(spec, "amd64"):
        (folder / file.name).write_bytes(file.name.encode())
        checksums = folder / file.checksums.rpartition("/")[2]
        checksums.write_text(f"{sha256(file.name.encode()).hexdigest()}  {file.name}\n")
    return folder


def with_archives(tmp_path: Path, **images: Any) -> ClusterSpec:
    answers = {"source": "archives", "archives": str(tmp_path / "images"), **images}
    return spec_of(answers, server_tarball=str(tmp_path / "kubernetes-server-linux-{arch}.tar.gz"))
