"""What an operator carries to machines without a registry and without a mirror: a release's server tarball, archives of
the images that are not in it, and a folder with the files of the release sites."""

import gzip
import hashlib
import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import cache, images, mirror_tree, oci, programs
from tests.lab.paths import SOURCES
from tests.lab.versions import KubernetesRelease, kubernetes_module, versions

TARBALL = "kubernetes-server-linux-amd64.tar.gz"
PREFIX = "offline-"
"""Before a release's version: the name under which its folder is served."""

_PROGRAMS = ("kubelet", "kubectl", "kube-proxy")
_IMAGES = (*images.CONTROL_PLANE, "kube-proxy")


@dataclass(frozen=True, slots=True)
class Offline:
    """A cache entry with the folders `site`, `archives` and `binaries`."""

    root: Path
    release: KubernetesRelease

    @property
    def site(self) -> Path:
        return self.root / "site"

    def describe(self, mirror_url: str) -> dict[str, Any]:
        path = tarball_path(self.release)
        return {
            "tarball": str(self.site / path),
            "tarballUrl": f"{mirror_url}/{path}",
            "sha256": mirror_tree.digests(self.site)[f"/{path}"],
            "archives": str(self.root / "archives"),
            "archiveImages": {f"{name}.tar": image for name, image in _archived(self.release).items()},
            "binaries": str(self.root / "binaries"),
        }


def tarball_path(release: KubernetesRelease) -> str:
    """Where the tarball lies on the mirror."""
    return f"{mirror_tree.KUBERNETES}/{release.tag}/{TARBALL}"


def written(release: KubernetesRelease) -> Offline:
    binaries = programs.compiled(kubernetes_module(release))
    own, common = images.written(release), images.written(versions().default)
    sites = (mirror_tree.of_release(release), mirror_tree.of_parts())

    def build(directory: Path) -> None:
        site = mirror_tree.Site(directory)
        path = tarball_path(release)
        _tarball(site.target(path), release, binaries, own.layout)
        site.text(f"{path}.sha256", site.remember(path))
        with site.target(path).open("rb") as file:
            site.text(f"{path}.sha512", hashlib.file_digest(file, "sha512").hexdigest())
        site.close()
        (directory / "archives").mkdir()
        for name, image in _archived(release).items():
            layout = own.layout if image in own.digests else common.layout
            # Both kinds that are in use: with and without the OCI layout's index.
            oci.write_archive(
                layout, {image: image}, directory / f"archives/{name}.tar", oci=name in ("coredns", "agnhost")
            )
        (directory / "binaries").mkdir()
        for source in _files(*sites):
            os.link(source, directory / "binaries" / source.name)

    inputs = [str(path) for path in (binaries, own.root, common.root, *sites)]
    key = cache.key_of(inputs, (SOURCES / "offline.py").read_text())
    return Offline(cache.entry(f"{PREFIX}{release.version}", key, build), release)


def _archived(release: KubernetesRelease) -> dict[str, str]:
    """Archive → the image in it."""
    made = versions()
    return {
        "etcd": f"registry.k8s.io/etcd:{release.etcd}",
        "pause": f"registry.k8s.io/pause:{made.pause}",
        "coredns": f"registry.k8s.io/coredns/coredns:v{release.coredns}",
        "agnhost": f"registry.k8s.io/e2e-test-images/agnhost:{made.agnhost}",
    }


def _files(of_release: Path, of_parts: Path) -> list[Path]:
    """The files of the release sites that a node needs, and their checksum files."""
    mine = [path for path in of_release.rglob("*") if path.name.removesuffix(".sha256") in _PROGRAMS]
    parts = [path for path in of_parts.rglob("*") if path.name.startswith(("containerd-", "runc", "cni-plugins-"))]
    return sorted(path for path in (*mine, *parts) if path.is_file())


def _tarball(target: Path, release: KubernetesRelease, binaries: Path, layout: Path) -> None:
    """The server tarball as the release has it: programs, and an archive and a tag for each of the images.

    Otherwise than there: programs that are one file are hard links of it, and little is compressed.
    """
    home = "kubernetes/server/bin"
    first: dict[Path, str] = {}
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", 1, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for name, source in mirror_tree.programs_of(binaries).items():
            member = tarfile.TarInfo(f"{home}/{name}")
            member.mode = 0o755
            if source in first:
                member.type, member.linkname = tarfile.LNKTYPE, first[source]
                archive.addfile(member)
                continue
            first[source] = member.name
            _add(archive, member, source)
        for name in _IMAGES:
            image = {f"registry.k8s.io/{name}:{release.tag}": f"registry.k8s.io/{name}-amd64:{release.tag}"}
            saved = target.with_name("image.tar")
            oci.write_archive(layout, image, saved)
            _add(archive, tarfile.TarInfo(f"{home}/{name}.tar"), saved)
            saved.unlink()
            tag = f"{release.tag}\n".encode()
            member = tarfile.TarInfo(f"{home}/{name}.docker_tag")
            member.size = len(tag)
            archive.addfile(member, io.BytesIO(tag))


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, source: Path) -> None:
    member.size = source.stat().st_size
    with source.open("rb") as content:
        archive.addfile(member, content)
