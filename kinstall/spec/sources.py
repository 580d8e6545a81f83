"""Where images and release files come from."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.spec.fields import answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A registry that is asked instead of another one."""

    endpoint: str = answer("URL of the mirror, with http:// or https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Where container images come from, and which."""

    image_repository: str = answer("prefix of Kubernetes' own images", default="registry.k8s.io")
    mirrors: dict[str, Mirror] = answer("registry host → mirror", default_factory=dict)
    etcd: str = answer("tag of the etcd image; empty: the release's own", default="")
    coredns: str = answer("tag of the CoreDNS image; empty: the release's own", default="")
    pause: str = answer("tag of the pause image; empty: the release's own", default="")
    agnhost: str = answer("tag of the image that verify runs", default="2.66.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """Base addresses of release sites (or mirrors of the same layout), versions, and pinned digests."""

    kubernetes: str = answer("Kubernetes' release site", default="https://dl.k8s.io")
    containerd: str = answer(
        "containerd's release site", default="https://github.com/containerd/containerd/releases/download"
    )
    runc: str = answer("runc's release site", default="https://github.com/opencontainers/runc/releases/download")
    cni_plugins: str = answer(
        "the CNI plugins' release site",
        default="https://github.com/containernetworking/plugins/releases/download",
    )
    containerd_version: str = answer("empty: the release's own", default="")
    runc_version: str = answer("empty: the release's own", default="")
    cni_plugins_version: str = answer("empty: the release's own", default="")
    sha256: dict[str, str] = answer(
        "file name (kubelet, containerd-2.4.2-linux-amd64.tar.gz …; arm64/kubelet where architectures differ) → pinned "
        "SHA-256; without it the digest is read over TLS from the release site",
        default_factory=dict,
    )
