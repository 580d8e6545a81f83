"""Files on the operator's machine instead of sites and registries: a server tarball, files, image archives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from posixpath import basename

from kinstall.answers.rules import formats
from kinstall.answers.rules.view import Rule, View, problem_at
from kinstall.cluster import Downloads
from kinstall.cluster.release_files import ARCHITECTURES, tarball
from kinstall.findings import Problem

_SITES = {
    "kubernetes": "kubernetes",
    "containerd": "containerd",
    "runc": "runc",
    "cni_plugins": "cniPlugins",
}


def places(view: View) -> Iterator[Problem]:
    downloads, images = view.spec.downloads, view.spec.images
    for path, text in (("downloads.folder", downloads.folder), ("images.archives", images.archives)):
        if text:
            yield from problem_at(path, formats.local_path(text, braces=path == "downloads.folder"))
    if place := downloads.server_tarball:
        yield from problem_at("downloads.serverTarball", _tarball(place))


def _tarball(place: str) -> formats.Complaint | None:
    wrong = formats.url(place.replace("{arch}", "amd64")) if "://" in place else formats.local_path(place, braces=True)
    if wrong is None and not place.endswith((".tar.gz", ".tgz")):
        return "this does not end in .tar.gz", "write the path of the release's kubernetes-server-linux-{arch}.tar.gz"
    return wrong


def tarball_is_verified(view: View) -> Iterator[Problem]:
    """As with sites: over plain HTTP only a pin verifies the file."""
    place = view.spec.downloads.server_tarball
    if not place.startswith("http://") or not view.untouched("downloads.sha256"):
        return
    names = dict.fromkeys(basename(tarball(view.spec, arch)) for arch in ARCHITECTURES)
    if not any(name in view.spec.downloads.sha256 for name in names):
        yield Problem(
            "downloads.serverTarball",
            "nothing verifies a file that comes over plain HTTP: downloads.sha256 has no digest for "
            + next(iter(names)),
            "pin it there, or write an https:// URL or the path of a local file",
        )


def unused_sites(view: View) -> Iterator[Problem]:
    """A URL that is never used would silently have no effect."""
    downloads = view.spec.downloads
    usual = {each.name: each.default for each in fields(Downloads)}
    for attribute, key in _SITES.items():
        taker = "serverTarball" if key == "kubernetes" and downloads.server_tarball else "folder"
        there = downloads.server_tarball if taker == "serverTarball" else downloads.folder
        if there and getattr(downloads, attribute) != usual[attribute]:
            yield Problem(f"downloads.{key}", f"it is not used: downloads.{taker} replaces it", "leave one of them out")


def archives(view: View) -> Iterator[Problem]:
    images, from_tarball = view.spec.images, view.spec.downloads.server_tarball
    if not view.intact("images.source"):
        return
    if images.source == "archives" and not (images.archives or from_tarball):
        yield Problem(
            "images.source",
            "no archives are named",
            "write a folder under images.archives; downloads.serverTarball holds those of the control plane",
        )


RULES: tuple[Rule, ...] = (places, tarball_is_verified, unused_sites, archives)
