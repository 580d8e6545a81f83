"""Filling the cache: everything that is slow to make, before anything of the lab runs."""

from dataclasses import dataclass
from pathlib import Path

from tests.lab import images, mirror_tree, programs, pyz, toolchain, tree
from tests.lab.versions import kubernetes_module, versions


@dataclass(frozen=True, slots=True)
class Built:
    """What the cache holds for the default release: everything that is slow to make."""

    tree: Path
    sites: dict[str, Path]
    images: images.Images


def build() -> Built:
    """Fill the cache: seconds when it is full, about twelve minutes on two cores when it is empty."""
    toolchain.ensure_packages()
    default = versions().default
    # The longest first: with it in hand, every other failure is found soon.
    programs.compiled(kubernetes_module(default))
    written = images.written(default)
    sites = {"parts": mirror_tree.of_parts(), default.version: mirror_tree.of_release(default)}
    programs.compiled(versions().module("registry"))
    return Built(tree.host_tree(), sites, written)


def build_all() -> None:
    """Fill the cache as the tests need it: every release, and the single file, which is no test's time to wait for."""
    build()
    pyz.entry()
    for release in versions().kubernetes:
        images.written(release)
        mirror_tree.of_release(release)
