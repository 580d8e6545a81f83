"""versions.toml as types: what the lab builds and serves."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.lab.paths import SOURCES


@dataclass(frozen=True, slots=True)
class KubernetesRelease:
    """One Kubernetes version and the versions its images are tagged with."""

    version: str
    modfile: str
    etcd: str
    coredns: str

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
    kubernetes: tuple[KubernetesRelease, ...]
    modules: dict[str, GoModule]

    def module(self, name: str) -> GoModule:
        return self.modules[name]


@cache
def versions() -> Versions:
    with (SOURCES / "versions.toml").open("rb") as file:
        data: dict[str, Any] = tomllib.load(file)
    releases = tuple(KubernetesRelease(**each) for each in data["kubernetes"])
    modules = {name: _module(name, fields) for name, fields in data["modules"].items()}
    trees = data["debian"]
    debian = Debian(trees["release"], tuple(trees["host"]), tuple(trees["tools"]))
    return Versions(debian, data["pause"], data["agnhost"], releases, modules)


def _module(name: str, fields: dict[str, Any]) -> GoModule:
    packages = tuple(fields.pop("packages"))
    return GoModule(name=name, packages=packages, folder=name, **fields)


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
    )
