"""Where images and release files come from."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import normpath
from urllib.parse import urlsplit

from kinstall.cluster.fields import When, answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A registry that is used instead of another one."""

    endpoint: str = answer(
        "URL of the mirror, with http:// or https://; over http:// its images need digests",
        more="A path with /v2/ in it (https://harbor.example.com/v2/PROJECT) is where the images are; behind any other "
        "path containerd puts /v2.",
        guide=(12,),
    )
    user: str = answer("user name at the mirror; default: no login", since="0.2", guide=(12,), default="")
    password: str = answer(
        "reference to the user's password", secret=True, reference=True, since="0.2", guide=(12,), default=""
    )
    ca_file: str = answer(
        "path on this machine of the CA certificate (PEM) for the mirror; default: the CAs that the nodes trust",
        since="0.2",
        guide=(12,),
        default="",
    )

    @property
    def api(self) -> str:
        """The address of the registry's API: what containerd puts in front of a repository's path."""
        parts = urlsplit(self.endpoint)
        suffix = "" if self.has_api_path or self._path.endswith("/v2") else "/v2"
        return f"{parts.scheme}://{parts.netloc}{self._path.rstrip('/')}{suffix}"

    @property
    def has_api_path(self) -> bool:
        """Whether the endpoint's path leads into the registry's API (/v2/PROJECT), so that nothing belongs behind it.

        containerd puts /v2 behind every path that does not end in it, unless override_path says otherwise
        (https://github.com/containerd/containerd/blob/main/docs/hosts.md, parseHostConfig).
        """
        return "/v2/" in self._path

    @property
    def _path(self) -> str:
        return normpath("/" + urlsplit(self.endpoint).path.lstrip("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Where container images come from, and which."""

    source: str = answer(
        "where container images come from",
        choices={
            "registry": "nodes pull them; they need a way to it, or to a mirror",
            "archives": "out of files on this machine; nothing is pulled",
        },
        panel=True,
        since="0.2",
        guide=(12,),
        default="registry",
    )
    archives: str = answer(
        "folder on this machine with image archives (docker save, or an OCI layout in a tar); every node "
        "gets all images in them",
        since="0.2",
        when=When("source", ("archives",), "it is not used while images are pulled"),
        guide=(12,),
        default="",
    )
    image_repository: str = answer("prefix of Kubernetes' own images", guide=(12,), default="registry.k8s.io")
    mirrors: dict[str, Mirror] = answer(
        "registry host → mirror; for a registry that needs a login, name itself as its mirror",
        guide=(12,),
        default_factory=dict,
    )
    digests: dict[str, str] = answer(
        "image with its tag (registry.k8s.io/pause:3.10.2) → sha256:… of its index or manifest: nodes take that one, "
        "wherever it comes from; a mirror over http:// needs one for each of its images",
        since="0.2",
        guide=(12,),
        label="Digests of images",
        default_factory=dict,
    )
    etcd: str = answer(
        "tag of the etcd image, or a full reference, either perhaps with @sha256:…; default: the release's own",
        guide=(13,),
        label="etcd image",
        default="",
    )
    coredns: str = answer(
        "tag of the CoreDNS image, or a full reference; default: the release's own",
        guide=(40,),
        label="CoreDNS image",
        default="",
    )
    pause: str = answer(
        "tag of the pause image, or a full reference; default: the release's own",
        guide=(12,),
        label="pause image",
        default="",
    )
    agnhost: str = answer(
        "tag of the image that verify runs, or a full reference", guide=(38,), label="agnhost image", default="2.66.1"
    )
    haproxy: str = answer(
        "mode http: tag of docker.io/library/haproxy, which the plain-HTTP gateway runs, or a whole reference; empty: "
        "the release's own",
        guide=(14,),
        since="0.2",
        when=When("security.mode", ("http",), harmless=True),
        label="HAProxy image",
        default="",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """Base addresses of release sites (or mirrors of the same layout), versions, and pinned digests."""

    server_tarball: str = answer(
        "path on this machine, or URL, of the release's kubernetes-server-linux-ARCH.tar.gz, used instead of "
        "Kubernetes' release site; {arch} in it is replaced by amd64 or arm64",
        since="0.2",
        guide=(10, 12),
        default="",
    )
    folder: str = answer(
        "folder on this machine with the release files and their checksum files, used instead of the sites; "
        "{arch} in it is replaced by amd64 or arm64",
        since="0.2",
        guide=(10,),
        default="",
    )
    kubernetes: str = answer("Kubernetes' release site", guide=(10,), default="https://dl.k8s.io")
    containerd: str = answer(
        "containerd's release site",
        guide=(10, 23),
        default="https://github.com/containerd/containerd/releases/download",
    )
    runc: str = answer(
        "runc's release site", guide=(10, 23), default="https://github.com/opencontainers/runc/releases/download"
    )
    cni_plugins: str = answer(
        "the CNI plugins' release site",
        guide=(10,),
        default="https://github.com/containernetworking/plugins/releases/download",
    )
    containerd_version: str = answer("default: the release's own", guide=(23,), default="")
    runc_version: str = answer("default: the release's own", guide=(23,), default="")
    cni_plugins_version: str = answer("default: the release's own", guide=(10,), default="")
    sha256: dict[str, str] = answer(
        "file name (kubelet, containerd-2.4.2-linux-amd64.tar.gz …; arm64/kubelet where architectures differ) → pinned "
        "SHA-256; without it the digest comes over TLS from the release site",
        guide=(10,),
        default_factory=dict,
    )
