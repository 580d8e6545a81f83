"""Where images and release files come from, which versions, and what verifies them."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.answers.fields import written
from kinstall.answers.rules import formats
from kinstall.answers.rules.view import Rule, View, problem_at
from kinstall.cluster import Mirror, releases
from kinstall.cluster.image_names import ImageName
from kinstall.cluster.release_files import (
    ARCHITECTURES,
    ReleaseFile,
    known_images,
    pinned_digest,
    release_files,
    unpinned,
    unverified_images,
)
from kinstall.findings import Problem

_SITES = ("kubernetes", "containerd", "runc", "cniPlugins")


def images(view: View) -> Iterator[Problem]:
    wanted = view.spec.images
    yield from problem_at("images.imageRepository", formats.repository(wanted.image_repository))
    for host, mirror in wanted.mirrors.items():
        path = written(("images", "mirrors", host))
        yield from problem_at(path, formats.registry(host))
        yield from problem_at(f"{path}.endpoint", formats.url(mirror.endpoint))
        yield from _access(path, mirror)
    for key, tag in (
        ("etcd", wanted.etcd),
        ("coredns", wanted.coredns),
        ("pause", wanted.pause),
        ("haproxy", wanted.haproxy),
    ):
        if tag:
            yield from problem_at(f"images.{key}", formats.image(tag))
    yield from problem_at("images.agnhost", formats.image(wanted.agnhost))
    for name, digest in wanted.digests.items():
        yield from problem_at(written(("images", "digests", name)), formats.image_digest(digest))


def _access(path: str, mirror: Mirror) -> Iterator[Problem]:
    """How nodes log in, and how the mirror is verified."""
    yield from problem_at(f"{path}.user", formats.registry_user(mirror.user))
    if mirror.password:
        yield from problem_at(f"{path}.password", formats.secret_reference(mirror.password))
    if mirror.user and not mirror.password:
        yield Problem(f"{path}.user", "the user has no password", "write a reference to it under password")
    if mirror.password and not mirror.user:
        yield Problem(f"{path}.password", "the password has no user", "write the name under user")
    if not mirror.endpoint.startswith("http://"):
        return
    if mirror.user or mirror.password:
        yield Problem(
            f"{path}.endpoint",
            "the password would travel in clear text",
            "take an https:// address; caFile names the CA of a private certificate",
        )
    if mirror.ca_file:
        yield Problem(f"{path}.caFile", "an http:// address has no certificate", "take an https:// address")


def _images_are_known(view: View) -> bool:
    """Whether all that the names of the images depend on can be read."""
    keys = ("imageRepository", "etcd", "coredns", "pause", "agnhost", "haproxy")
    return view.release is not None and view.intact("security.mode", *(f"images.{key}" for key in keys))


def unused_digests(view: View) -> Iterator[Problem]:
    """A digest for an image that is not taken would silently have no effect."""
    if not _images_are_known(view):
        return
    known = known_images(view.spec)
    for name in view.spec.images.digests:
        if name in known:
            continue
        repository = ImageName.parse(name).repository
        same = [each for each in known if ImageName.parse(each).repository == repository]
        remedy = f"write it for {same[0]}" if same else f"the images are {', '.join(known)}"
        path = written(("images", "digests", name))
        yield Problem(path, "no image of this name is taken, or it has a digest of its own", remedy)


def images_are_verified(view: View) -> Iterator[Problem]:
    """As with files: what comes over plain HTTP is known only by its digest."""
    if not _images_are_known(view) or not view.intact("images.source") or not view.untouched("images.digests"):
        return
    for registry, missing in unverified_images(view.spec).items():
        path = written(("images", "mirrors", registry, "endpoint"))
        mirror = view.spec.images.mirrors[registry]
        if not view.intact(path) or formats.url(mirror.endpoint) or list(_access("", mirror)):
            continue  # another rule says more
        yield Problem(
            path,
            f"nothing verifies images that come over plain HTTP: images.digests has no digest for {', '.join(missing)}",
            "write their digests there, or an https:// URL (caFile names the CA of a private certificate), or take the "
            "images from archives (images.source)",
        )


def _sites(view: View) -> dict[str, str]:
    wanted = view.spec.downloads
    return dict(zip(_SITES, (wanted.kubernetes, wanted.containerd, wanted.runc, wanted.cni_plugins), strict=True))


def sites(view: View) -> Iterator[Problem]:
    for key, address in _sites(view).items():
        yield from problem_at(f"downloads.{key}", formats.url(address))


def versions(view: View) -> Iterator[Problem]:
    wanted = view.spec.downloads
    good: dict[str, str] = {}
    for key, text in (
        ("containerdVersion", wanted.containerd_version),
        ("runcVersion", wanted.runc_version),
        ("cniPluginsVersion", wanted.cni_plugins_version),
    ):
        wrong = _version(text) if text else None
        yield from problem_at(f"downloads.{key}", wrong)
        if not wrong:
            good[key] = text
    chosen, release = good.get("containerdVersion"), view.release
    if chosen and release and view.intact("downloads.containerdVersion") and not release.takes_containerd(chosen):
        oldest = " or ".join(release.containerd_minimum)
        yield Problem(
            "downloads.containerdVersion", f"{chosen} is too old: {release.containerd_reason}", f"take {oldest}"
        )


def _version(text: str) -> formats.Complaint | None:
    try:
        releases.numbers(text)
    except ValueError:
        bare = text.removeprefix("v")
        if bare != text and not _version(bare):
            return f"{text} starts with a v", f"write {bare}"
        return f"{text!r} is not a version", "write three numbers, for example 2.4.2"
    return None


def digests(view: View) -> Iterator[Problem]:
    for name, digest in view.spec.downloads.sha256.items():
        yield from problem_at(written(("downloads", "sha256", name)), formats.sha256(digest))


def _files(view: View) -> dict[str, tuple[ReleaseFile, ...]]:
    """Architecture → files; empty where the release or a version cannot be read."""
    places = ("containerdVersion", "runcVersion", "cniPluginsVersion", *_SITES)
    if not view.release or not view.intact(*(f"downloads.{key}" for key in places)):
        return {}
    return {arch: release_files(view.spec, arch) for arch in ARCHITECTURES}


def trust(view: View) -> Iterator[Problem]:
    """A checksum file from the same plain-HTTP server proves nothing: without pins that is refused.

    The nodes' architecture is not known here: pins for all files of one architecture are enough, and the plan looks
    for those it needs.
    """
    files = _files(view)
    for key in _SITES:
        missing = [unpinned(view.spec, [file for file in of_arch if file.site == key]) for of_arch in files.values()]
        if missing and all(missing) and view.untouched("downloads.sha256"):
            names = ", ".join(file.name for file in min(missing, key=len))
            yield Problem(
                f"downloads.{key}",
                f"nothing verifies files that come over plain HTTP: downloads.sha256 has no digest for {names}",
                "pin them there, or write an https:// URL",
            )


def stale_pins(view: View) -> Iterator[Problem]:
    """A pin for a version that is not fetched would silently have no effect."""
    files = _files(view)
    all_names = {
        name for of_arch in files.values() for file in of_arch for name in (file.name, f"{file.arch}/{file.name}")
    }
    for stem in ("containerd-", "runc.", "cni-plugins-"):
        wanted = [file for of_arch in files.values() for file in of_arch if file.name.startswith(stem)]
        if not wanted or any(pinned_digest(view.spec, file) for file in wanted):
            continue
        for name in view.spec.downloads.sha256:
            if name.rpartition("/")[2].startswith(stem) and name not in all_names:
                message = f"no file of this name is fetched; this release takes {wanted[0].name}"
                yield Problem(written(("downloads", "sha256", name)), message, "pin that one, or write the version")


RULES: tuple[Rule, ...] = (
    images,
    unused_digests,
    images_are_verified,
    sites,
    versions,
    digests,
    trust,
    stale_pins,
)
