"""The mirror's files: the download sites' own paths, names and checksum files."""

import gzip
import hashlib
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

from tests.lab import cache, programs
from tests.lab.images import CONTROL_PLANE
from tests.lab.paths import SOURCES
from tests.lab.versions import KubernetesRelease, kubernetes_module, versions

KUBERNETES = "dl.k8s.io"
CONTAINERD = "github.com/containerd/containerd/releases/download"
RUNC = "github.com/opencontainers/runc/releases/download"
CNI_PLUGINS = "github.com/containernetworking/plugins/releases/download"
ETCD = "github.com/etcd-io/etcd/releases/download"

# Keys as in an answers file's `downloads`.
PREFIXES = {"kubernetes": KUBERNETES, "containerd": CONTAINERD, "runc": RUNC, "cniPlugins": CNI_PLUGINS, "etcd": ETCD}

_SEPARATE = ("kubelet", "kube-proxy", "kubectl", "kubeadm")


def of_release(release: KubernetesRelease) -> Path:
    """A folder to serve: the release's programs as they lie on the release site."""
    binaries = programs.compiled(kubernetes_module(release))

    def build(directory: Path) -> None:
        site = Site(directory)
        home = f"{KUBERNETES}/release/{release.tag}/bin/linux/amd64"
        for name, source in programs_of(binaries).items():
            digest = site.link(f"{home}/{name}", source)
            site.text(f"{home}/{name}.sha256", digest)
        site.close()

    return _entry(f"mirror-{release.version}", build, binaries)


def of_parts() -> Path:
    """A folder to serve: containerd, runc, the CNI plugins and etcd as they lie on their release sites."""
    names = ("containerd", "runc", "cni-plugins", "etcd", "etcd-tools")
    parts = {name: programs.compiled(versions().module(name)) for name in names}

    def build(directory: Path) -> None:
        site = Site(directory)
        _others(site, parts)
        site.close()

    return _entry("mirror-parts", build, *parts.values())


def programs_of(binaries: Path) -> dict[str, Path]:
    """The release's programs by name, in a folder that `programs.compiled` made; some are one file."""
    separate = {name: binaries / name for name in _SEPARATE if (binaries / name).exists()}
    return dict.fromkeys(CONTROL_PLANE, binaries / "control-plane") | separate


def digests(site: Path) -> dict[str, str]:
    """SHA-256 of every artefact by its path on the mirror."""
    found: dict[str, str] = json.loads((site.parent / "digests.json").read_text())
    return found


def _entry(name: str, build: Callable[[Path], None], *inputs: Path) -> Path:
    key = cache.key_of([str(path) for path in inputs], (SOURCES / "mirror_tree.py").read_text())
    return cache.entry(name, key, build) / "site"


def _others(site: "Site", parts: dict[str, Path]) -> None:
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


class Site:
    """Writes the files below `directory`/site and remembers their digests."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._root = directory / "site"
        self._digests: dict[str, str] = {}

    def close(self) -> None:
        (self._directory / "digests.json").write_text(json.dumps(self._digests, indent=1, sort_keys=True))

    def link(self, path: str, source: Path) -> str:
        """A program as it is: a hard link where the cache is on one file system."""
        os.link(source, self.target(path))
        return self.remember(path)

    def tgz(self, path: str, members: dict[str, Path]) -> str:
        target = self.target(path)
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
        return self.remember(path)

    def text(self, path: str, text: str) -> None:
        self.target(path).write_text(text)

    def target(self, path: str) -> Path:
        """Where a file is to be written; its folder is there then."""
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def remember(self, path: str) -> str:
        """Have the digest of a file that is there now."""
        with (self._root / path).open("rb") as file:
            self._digests[f"/{path}"] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[f"/{path}"]
