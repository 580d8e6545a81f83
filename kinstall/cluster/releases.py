"""What each Kubernetes release needs, read from releases.yaml when it is first asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from kinstall.errors import UsageError

_RELEASE = re.compile(r"(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class RemovedFlags:
    """Flags of a component (a key of `components`) that no longer exist; `*` at the end of a name matches anything."""

    component: str
    flags: tuple[str, ...]
    instead: str

    def covers(self, flag: str) -> bool:
        return any(
            flag.startswith(name.removesuffix("*")) if name.endswith("*") else flag == name for name in self.flags
        )


@dataclass(frozen=True, slots=True)
class Release:
    """One Kubernetes release: `version` is `1.37.2`, `minor` is `1.37`.

    `etcd`, `pause`, `coredns` and `haproxy` are image tags; `containerd`, `runc` and `cni_plugins` versions without a
    v.
    """

    version: str
    minor: str
    etcd: str
    pause: str
    coredns: str
    containerd: str
    runc: str
    cni_plugins: str
    haproxy: str
    containerd_minimum: tuple[str, ...]
    containerd_reason: str
    removed_flags: tuple[RemovedFlags, ...]

    def takes_containerd(self, version: str) -> bool:
        """Whether this release runs on that containerd version."""
        chosen = numbers(version)
        floors = [numbers(floor) for floor in self.containerd_minimum]
        return chosen >= floors[-1] or any(chosen[:2] == floor[:2] and chosen >= floor for floor in floors)


def numbers(version: str) -> tuple[int, int, int]:
    """`1.37.2` → (1, 37, 2); ValueError for anything else."""
    match = _RELEASE.fullmatch(version)
    if not match:
        raise ValueError(f"{version} is not a version of three numbers")
    major, minor, patch = map(int, match.groups())
    return major, minor, patch


def known_versions() -> tuple[str, ...]:
    """The newest known patch of each supported minor, newest minor first."""
    return tuple(entry["patches"][0] for entry in _catalogue()["minors"].values())


def known_patches(minor: str) -> tuple[str, ...]:
    """The known patch releases of a supported minor (`1.37`), newest first."""
    return tuple(_catalogue()["minors"][minor]["patches"])


def supported() -> str:
    """The supported versions as part of a sentence: `1.37.x, 1.36.x and 1.35.x`."""
    *most, last = (f"{minor}.x" for minor in _catalogue()["minors"])
    return f"{', '.join(most)} and {last}"


def newest_patch(minor: str) -> str | None:
    """The newest known patch release of a minor (`1.37`); None where the minor is not supported."""
    entry = _catalogue()["minors"].get(minor)
    return entry["patches"][0] if entry else None


def release(version: str) -> Release:
    """The release's entry. Every patch release of a supported minor is accepted, known or not.

    Raises:
        UsageError: not a supported version, or not written as `1.37.2`.
    """
    what, remedy = complaint(version)
    if what:
        raise UsageError(f"kubernetesVersion {version}: {what}", remedy)
    return _release(version)


def complaint(version: str) -> tuple[str, str]:
    """(what is wrong with a Kubernetes version, how to fix it); both empty for a supported one."""
    if version.startswith("v") and _RELEASE.fullmatch(version[1:]):
        return f"{version} starts with a v", f"write {version[1:]}"
    newest = newest_patch(version.removeprefix("v"))
    if newest:
        return f"{version} is not a complete version", f"write the patch release too, for example {newest}"
    if not _RELEASE.fullmatch(version):
        return (
            f"{version} is not a Kubernetes release",
            f"write one of {supported()}, for example {known_versions()[0]}",
        )
    minor = version.rpartition(".")[0]
    if newest_patch(minor) is None:
        return f"Kubernetes {version} is not supported", f"supported are {supported()}"
    return "", ""


@cache
def _release(version: str) -> Release:
    minor = version.rpartition(".")[0]
    entry = _catalogue()["minors"][minor]
    floor = entry["containerdMinimum"]
    return Release(
        version=version,
        minor=minor,
        etcd=entry["etcd"],
        pause=entry["pause"],
        coredns=entry["coredns"],
        containerd=entry["containerd"],
        runc=entry["runc"],
        cni_plugins=entry["cniPlugins"],
        haproxy=entry["haproxy"],
        containerd_minimum=tuple(floor["versions"]),
        containerd_reason=floor["reason"],
        removed_flags=tuple(
            RemovedFlags(flags["component"], tuple(flags["flags"]), flags["instead"])
            for flags in _catalogue()["removedFlags"]
            if numbers(f"{flags.get('since', '0.0')}.0") <= numbers(f"{minor}.0")
        ),
    )


@cache
def _catalogue() -> Mapping[str, Any]:
    # Imported here: most of what imports this module only wants a name from it.
    import yaml

    content: Mapping[str, Any] = yaml.safe_load(files("kinstall.cluster").joinpath("releases.yaml").read_text("utf-8"))
    return content
