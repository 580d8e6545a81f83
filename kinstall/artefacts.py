"""Which release files and images a cluster needs, and where they lie: names and addresses only, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kinstall.releases import release
from kinstall.spec import ClusterSpec

ARCHITECTURES = ("amd64", "arm64")


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file of a release site. `site` is its key in `downloads`; `checksums` is the address of its checksum file."""

    name: str
    url: str
    checksums: str
    site: str
    arch: str


@dataclass(frozen=True, slots=True)
class ImageRefs:
    """Full references of the images a cluster runs."""

    kube_apiserver: str
    kube_controller_manager: str
    kube_scheduler: str
    etcd: str
    pause: str
    coredns: str
    agnhost: str


def release_files(spec: ClusterSpec, arch: str = "amd64") -> tuple[ReleaseFile, ...]:
    """The files that nodes of this architecture (`amd64`, `arm64`) fetch, laid out as on the official sites."""
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
    return tuple(found)


def pinned_digest(spec: ClusterSpec, file: ReleaseFile) -> str:
    """The file's digest (hex, lower case) in `downloads.sha256`; empty where there is none.

    `kubelet`, `kubectl` and `kube-proxy` have the same name for every architecture: a pin under `arm64/kubelet`
    holds for that architecture only and comes before one under `kubelet`.
    """
    pins = spec.downloads.sha256
    return pins.get(f"{file.arch}/{file.name}", pins.get(file.name, "")).lower()


def unpinned(spec: ClusterSpec, files: Iterable[ReleaseFile]) -> tuple[ReleaseFile, ...]:
    """Those files that come over plain HTTP and have no pinned digest: nothing could vouch for them."""
    return tuple(each for each in files if each.url.startswith("http://") and not pinned_digest(spec, each))


def image_refs(spec: ClusterSpec) -> ImageRefs:
    """The images of the answers, with the release's own tags where the answers name none."""
    entry, wanted = release(spec.kubernetes_version), spec.images
    home, version = wanted.image_repository, f"v{spec.kubernetes_version}"
    return ImageRefs(
        kube_apiserver=f"{home}/kube-apiserver:{version}",
        kube_controller_manager=f"{home}/kube-controller-manager:{version}",
        kube_scheduler=f"{home}/kube-scheduler:{version}",
        etcd=f"{home}/etcd:{wanted.etcd or entry.etcd}",
        pause=f"{home}/pause:{wanted.pause or entry.pause}",
        coredns=f"{home}/coredns/coredns:{wanted.coredns or entry.coredns}",
        agnhost=f"{home}/e2e-test-images/agnhost:{wanted.agnhost}",
    )
