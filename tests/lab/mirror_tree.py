"""The mirror's files: the download sites' own paths, names and checksum files."""

import gzip
import hashlib
import json
import os
import tarfile
from pathlib import Path

from tests.lab import cache, programs
from tests.lab.paths import SOURCES
from tests.lab.versions import KubernetesRelease, kubernetes_module, versions

KUBERNETES = "dl.k8s.io"
CONTAINERD = "github.com/containerd/containerd/releases/download"
RUNC = "github.com/opencontainers/runc/releases/download"
CNI_PLUGINS = "github.com/containernetworking/plugins/releases/download"
ETCD = "github.com/etcd-io/etcd/releases/download"

# Keys as in an answers file's `downloads`.
PREFIXES = {"kubernetes": KUBERNETES, "containerd": CONTAINERD, "runc": RUNC, "cniPlugins": CNI_PLUGINS, "etcd": ETCD}

_COMBINED = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_SEPARATE = ("kubelet", "kube-proxy", "kubectl", "kubeadm")


def written() -> Path:
    """A directory to serve; `digests()` says what is in it."""
    made = versions()
    kubernetes = {release.version: programs.compiled(kubernetes_module(release)) for release in made.kubernetes}
    names = ("containerd", "runc", "cni-plugins", "etcd", "etcd-tools")
    parts = {name: programs.compiled(made.module(name)) for name in names}

    def build(directory: Path) -> None:
        site = _Site(directory / "site")
        for release in made.kubernetes:
            _kubernetes(site, release, kubernetes[release.version])
        _others(site, parts)
        (directory / "digests.json").write_text(json.dumps(site.digests, indent=1, sort_keys=True))

    inputs = [str(path) for path in [*kubernetes.values(), *parts.values()]]
    return cache.entry("mirror", cache.key_of(inputs, (SOURCES / "mirror_tree.py").read_text()), build) / "site"


def digests(site: Path) -> dict[str, str]:
    """SHA-256 of every artefact by its path on the mirror."""
    found: dict[str, str] = json.loads((site.parent / "digests.json").read_text())
    return found


def _kubernetes(site: "_Site", release: KubernetesRelease, binaries: Path) -> None:
    home = f"{KUBERNETES}/release/{release.tag}/bin/linux/amd64"
    sources = dict.fromkeys(_COMBINED, binaries / "control-plane") | {name: binaries / name for name in _SEPARATE}
    for name, source in sources.items():
        digest = site.link(f"{home}/{name}", source)
        site.text(f"{home}/{name}.sha256", digest)


def _others(site: "_Site", parts: dict[str, Path]) -> None:
    made = versions()
    version = made.module("containerd").version
    name, home = f"containerd-{version}-linux-amd64.tar.gz", f"{CONTAINERD}/v{version}"
    digest = site.tgz(f"{home}/{name}", {f"bin/{each.name}": each for each in parts["containerd"].iterdir()})
    site.text(f"{home}/{name}.sha256sum", f"{digest}  {name}\n")

    version = made.module("runc").version
    digest = site.link(f"{RUNC}/v{version}/runc.amd64", parts["runc"] / "runc")
    site.text(f"{RUNC}/v{version}/runc.sha256sum", f"{digest} *runc.amd64\n")

    version = made.module("cni-plugins").version
    name, home = f"cni-plugins-linux-amd64-v{version}.tgz", f"{CNI_PLUGINS}/v{version}"
    digest = site.tgz(f"{home}/{name}", {f"./{each.name}": each for each in parts["cni-plugins"].iterdir()})
    site.text(f"{home}/{name}.sha256", f"{digest}  {name}\n")

    # The tools in it say that they are newer than the server: their modules of its own version are not published.
    version = made.module("etcd").version
    name, home = f"etcd-v{version}-linux-amd64", f"{ETCD}/v{version}"
    sources = [parts["etcd"] / "etcd", parts["etcd-tools"] / "etcdctl", parts["etcd-tools"] / "etcdutl"]
    digest = site.tgz(f"{home}/{name}.tar.gz", {f"{name}/{each.name}": each for each in sources})
    site.text(f"{home}/SHA256SUMS", f"{digest}  {name}.tar.gz\n")


class _Site:
    """Writes the files and remembers their digests."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.digests: dict[str, str] = {}

    def link(self, path: str, source: Path) -> str:
        """A program as it is: a hard link where the cache is on one file system."""
        target = self._target(path)
        os.link(source, target)
        return self._remember(path, target)

    def tgz(self, path: str, members: dict[str, Path]) -> str:
        target = self._target(path)
        with (
            target.open("wb") as file,
            gzip.GzipFile("", "wb", 1, file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
        ):
            for name, source in sorted(members.items()):
                member = tarfile.TarInfo(name)
                member.mode, member.size = 0o755, source.stat().st_size
                with source.open("rb") as content:
                    archive.addfile(member, content)
        return self._remember(path, target)

    def text(self, path: str, text: str) -> None:
        self._target(path).write_text(text)

    def _target(self, path: str) -> Path:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _remember(self, path: str, target: Path) -> str:
        with target.open("rb") as file:
            self.digests[f"/{path}"] = hashlib.file_digest(file, "sha256").hexdigest()
        return self.digests[f"/{path}"]
