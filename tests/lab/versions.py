"""versions.toml as types: what the lab builds and serves."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.lab.paths import SOURCES
from tests.lab.shell import LabError


@dataclass(frozen=True, slots=True)
class KubernetesRelease:
    """One Kubernetes version and the versions its images are tagged with.

    `etcd` is the image's tag (`3.6.14-0`), `coredns` a version (`1.14.6`), `modfile` a file of go/kubernetes.
    """

    version: str
    modfile: str
    etcd: str
    coredns: str
    quick: bool = False

    @property
    def tag(self) -> str:
        return f"v{self.version}"


@dataclass(frozen=True, slots=True)
class GoModule:
    """A folder under go/ and the programs that are compiled from it."""

    name: str
    version: str
    packages: tuple[str, ...]
    ldflags: str = ""
    tags: str = ""
    cgo: bool = False
    quick: bool = False
    modfile: str = "go.mod"
    folder: str = ""
    rename: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Debian:
    """The release and the packages of the hosts' tree and of the images' tools."""

    release: str
    host: tuple[str, ...]
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Versions:
    debian: Debian
    pause: str
    agnhost: str
    haproxy: str
    kubernetes: tuple[KubernetesRelease, ...]
    modules: dict[str, GoModule]

    def module(self, name: str) -> GoModule:
        return self.modules[name]

    @property
    def default(self) -> KubernetesRelease:
        return self.kubernetes[0]

    def release(self, version: str) -> KubernetesRelease:
        """LabError where the lab has no such release."""
        for each in self.kubernetes:
            if each.version == version:
                return each
        have = ", ".join(each.version for each in self.kubernetes)
        raise LabError(f"the lab has no Kubernetes {version}, only {have}")

    def etcd_of(self, release: KubernetesRelease) -> GoModule:
        """The module that the release's etcd image is made of: its version and the image's tag are the same."""
        servers = (each for each in self.modules.values() if each.folder == "etcd")
        return next(each for each in servers if release.etcd.startswith(f"{each.version}-"))


@cache
def versions() -> Versions:
    with (SOURCES / "versions.toml").open("rb") as file:
        data: dict[str, Any] = tomllib.load(file)
    releases = tuple(KubernetesRelease(**each) for each in data["kubernetes"])
    modules = {name: _module(name, fields) for name, fields in data["modules"].items()}
    trees = data["debian"]
    debian = Debian(trees["release"], tuple(trees["host"]), tuple(trees["tools"]))
    return Versions(debian, data["pause"], data["agnhost"], data["haproxy"], releases, modules)


def _module(name: str, fields: dict[str, Any]) -> GoModule:
    packages = tuple(fields.pop("packages"))
    return GoModule(**{"name": name, "packages": packages, "folder": name, **fields})


def kubernetes_module(release: KubernetesRelease) -> GoModule:
    """Kubernetes' own programs. Unstamped, kubelet and kubeadm would call themselves v0.0.0."""
    major, minor, _ = release.version.split(".")
    stamps = {"gitVersion": release.tag, "gitMajor": major, "gitMinor": minor}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return GoModule(
        name=f"kubernetes-{release.version}",
        version=release.version,
        packages=("./control-plane", "tool"),
        ldflags=" ".join(f"-X {package}.{name}={value}" for package in packages for name, value in stamps.items()),
        modfile=release.modfile,
        folder="kubernetes",
        quick=release.quick,
    )
