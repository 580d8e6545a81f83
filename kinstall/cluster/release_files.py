"""Which release files and images a cluster needs, and where they are: names and addresses only, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from enum import StrEnum
from posixpath import basename

from kinstall.cluster import ClusterSpec
from kinstall.cluster.image_names import ImageName
from kinstall.cluster.releases import release

ARCHITECTURES = ("amd64", "arm64")
_HAPROXY = "docker.io/library/haproxy"


class Place(StrEnum):
    """Where a release file comes from."""

    SITE = "site"  # a node fetches it
    FOLDER = "folder"  # the operator's machine has it, and sends it
    TARBALL = "tarball"  # it is in the server tarball, out of which the operator's machine sends it


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file of a release. `site` is its key in `downloads`; `checksums` is the place of its checksum file.

    `url` is an address, a path on the operator's machine, or the tarball's with the member behind a #.
    """

    name: str
    url: str
    checksums: str
    site: str
    arch: str
    place: Place = Place.SITE


@dataclass(frozen=True, slots=True)
class ImageRefs:
    """Full references (ImageName) of the images a cluster runs; `haproxy` is empty where it runs none."""

    kube_apiserver: str
    kube_controller_manager: str
    kube_scheduler: str
    etcd: str
    pause: str
    coredns: str
    agnhost: str
    haproxy: str = ""

    def all(self) -> tuple[str, ...]:
        return tuple(ref for ref in astuple(self) if ref)


def release_files(spec: ClusterSpec, arch: str = "amd64") -> tuple[ReleaseFile, ...]:
    """The files that nodes of this architecture (`amd64`, `arm64`) get; sites are laid out as the official ones."""
    entry, wanted = release(spec.kubernetes_version), spec.downloads
    containerd = wanted.containerd_version or entry.containerd
    runc = wanted.runc_version or entry.runc
    cni = wanted.cni_plugins_version or entry.cni_plugins

    kubernetes = f"{wanted.kubernetes}/release/v{spec.kubernetes_version}/bin/linux/{arch}"
    found = [
        ReleaseFile(name, f"{kubernetes}/{name}", f"{kubernetes}/{name}.sha256", "kubernetes", arch)
        for name in ("kubelet", "kubectl", "kube-proxy")
    ]
    name = f"containerd-{containerd}-linux-{arch}.tar.gz"
    url = f"{wanted.containerd}/v{containerd}/{name}"
    found.append(ReleaseFile(name, url, f"{url}.sha256sum", "containerd", arch))
    name, home = f"runc.{arch}", f"{wanted.runc}/v{runc}"
    found.append(ReleaseFile(name, f"{home}/{name}", f"{home}/runc.sha256sum", "runc", arch))
    name = f"cni-plugins-linux-{arch}-v{cni}.tgz"
    url = f"{wanted.cni_plugins}/v{cni}/{name}"
    found.append(ReleaseFile(name, url, f"{url}.sha256", "cniPlugins", arch))
    return tuple(_placed(spec, file) for file in found)


def _placed(spec: ClusterSpec, file: ReleaseFile) -> ReleaseFile:
    """The file where the answers have it: in the tarball, if it is Kubernetes' own, or else in the folder."""
    wanted = spec.downloads
    if wanted.server_tarball and file.site == "kubernetes":
        member = f"{tarball(spec, file.arch)}#kubernetes/server/bin/{file.name}"
        return replace(file, url=member, checksums="", place=Place.TARBALL)
    if wanted.folder:
        home = for_arch(wanted.folder, file.arch)
        checksums = f"{home}/{basename(file.checksums)}"
        return replace(file, url=f"{home}/{file.name}", checksums=checksums, place=Place.FOLDER)
    return file


def tarball(spec: ClusterSpec, arch: str) -> str:
    """Where the server tarball for an architecture is: a path on the operator's machine or an address."""
    return for_arch(spec.downloads.server_tarball, arch)


def for_arch(place: str, arch: str) -> str:
    return place.replace("{arch}", arch)


def pinned_digest(spec: ClusterSpec, file: ReleaseFile) -> str:
    """The file's digest (hex, lower case) in `downloads.sha256`; empty where there is none.

    `kubelet`, `kubectl` and `kube-proxy` have the same name for every architecture: a pin under `arm64/kubelet`
    holds for that architecture only and takes precedence over one under `kubelet`.
    """
    pins = spec.downloads.sha256
    return pins.get(f"{file.arch}/{file.name}", pins.get(file.name, "")).lower()


def unpinned(spec: ClusterSpec, files: Iterable[ReleaseFile]) -> tuple[ReleaseFile, ...]:
    """Those files of sites that come over plain HTTP and have no pinned digest: nothing could verify them."""
    plain = (each for each in files if each.place is Place.SITE and each.url.startswith("http://"))
    return tuple(each for each in plain if not pinned_digest(spec, each))


def image_refs(spec: ClusterSpec) -> ImageRefs:
    """The images of the answers, with the release's own tags where the answers name none, and with their digests where
    the answers have them."""
    return ImageRefs(*(_with_digest(ref, spec.images.digests) for ref in astuple(_named(spec))))


def known_images(spec: ClusterSpec) -> tuple[str, ...]:
    """What `images.digests` may name: every image that such a cluster takes, in either mode, without a digest of its
    own."""
    return tuple(ref for ref in astuple(_named(spec, gateway=True)) if "@" not in ref)


def unverified_images(spec: ClusterSpec) -> dict[str, tuple[str, ...]]:
    """Registry → those images without a digest that its mirror serves over plain HTTP: nothing could verify them."""
    if spec.images.source != "registry":
        return {}
    names = [ImageName.parse(ref) for ref in dict.fromkeys(image_refs(spec).all())]
    return {
        registry: missing
        for registry, mirror in spec.images.mirrors.items()
        if mirror.endpoint.startswith("http://")
        and (missing := tuple(each.tagged for each in names if each.registry == registry and not each.digest))
    }


def _named(spec: ClusterSpec, *, gateway: bool = False) -> ImageRefs:
    """With `gateway` also what only mode http needs."""
    entry, wanted = release(spec.kubernetes_version), spec.images
    home, version = wanted.image_repository, f"v{spec.kubernetes_version}"
    gateway = gateway or spec.security.mode == "http"
    return ImageRefs(
        kube_apiserver=f"{home}/kube-apiserver:{version}",
        kube_controller_manager=f"{home}/kube-controller-manager:{version}",
        kube_scheduler=f"{home}/kube-scheduler:{version}",
        etcd=_image(f"{home}/etcd", wanted.etcd or entry.etcd),
        pause=_image(f"{home}/pause", wanted.pause or entry.pause),
        coredns=_image(f"{home}/coredns/coredns", wanted.coredns or entry.coredns),
        agnhost=_image(f"{home}/e2e-test-images/agnhost", wanted.agnhost),
        haproxy=_image(_HAPROXY, wanted.haproxy or entry.haproxy) if gateway else "",
    )


def _image(name: str, tag: str) -> str:
    """The image with that tag; a full reference is used as it is."""
    return tag if "/" in tag else f"{name}:{tag}"


def _with_digest(ref: str, digests: Mapping[str, str]) -> str:
    return f"{ref}@{digests[ref]}" if ref in digests else ref
