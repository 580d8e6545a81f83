"""The release's server tarball (kubernetes-server-linux-ARCH.tar.gz): fetched and unpacked once on the operator's
machine, under its checksum, so that nodes are sent only what they need of it.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename

from kinstall import files
from kinstall.errors import UsageError
from kinstall.sources.checksums import published
from kinstall.sources.download import fetch_file
from kinstall.sources.file_digests import checked, digest_of
from kinstall.sources.tar_member import Member

HOME = "kubernetes/server/bin"
PROGRAMS = ("kubelet", "kubectl", "kube-proxy")
IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_WANTED = (*PROGRAMS, *(f"{name}.{kind}" for name in IMAGES for kind in ("tar", "docker_tag")))
_INDEX = "members.json"
_SMALL = 1 << 16
_PASSES = 3
"""How often it is read: again for hard links to members that came before their names were wanted."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What is needed of a tarball, in a folder of this machine. `place` is where it came from, as in the answers."""

    place: str
    folder: Path
    digests: Mapping[str, str]

    def member(self, name: str) -> tuple[Path, str]:
        """A program, `NAME.tar` or `NAME.docker_tag`: its path and its SHA-256 (hex)."""
        return self.folder / name, self.digests[name]

    @property
    def release(self) -> str:
        """The Kubernetes version that the images' tags name."""
        tag = files.read(self.folder / f"{IMAGES[0]}.docker_tag", _SMALL).decode("utf-8", "replace")
        return tag.strip().removeprefix("v")


def unpacked(place: str, pins: Mapping[str, str]) -> Unpacked:
    """The tarball at `place`, a path or a URL, unpacked. `pins`: file name → SHA-256 (hex).

    Its checksum comes from the pins, over TLS from the address with .sha256 behind it, or from such a file beside it.

    Raises:
        UsageError: it is not available, there is no checksum for it, or it is not a server tarball
    """
    name = basename(place)
    digest = pins.get(name, "").lower()
    remote = place.startswith(("http://", "https://"))
    if remote and not digest:
        digest = published(f"{place}.sha256", name)
    folder = _own_folder()
    if remote and (kept := _kept(place, folder / digest)):
        return kept
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch:
        path = Path(scratch) / "tarball"
        if remote:
            try:
                fetch_file(place, digest, path)
            except OSError as error:
                raise UsageError(f"{place} could not be fetched: {error}") from None
        else:
            path, digest = checked(place, digest, f"{place}.sha256", name)
            if kept := _kept(place, folder / digest):
                return kept
        _unpack(place, path, Path(scratch) / "members")
        with suppress(OSError):  # what is there is not what was unpacked, or it is another run's, which was faster
            (folder / digest).rename(Path(scratch) / "old")
        with suppress(OSError):
            (Path(scratch) / "members").rename(folder / digest)
    kept = _kept(place, folder / digest)
    if kept is None:
        raise UsageError(f"{folder} cannot keep what is in {place}", "check its free space and its owner")
    return kept


def cache_folder() -> Path:
    """Where unpacked tarballs are kept: a folder each, called by the tarball's checksum; any may be removed."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "kinstall" / "server-tarballs"


def _own_folder() -> Path:
    """The cache folder, made where it is missing: what it says of a file goes to nodes as the truth."""
    folder = cache_folder()
    try:
        files.make_folder(folder)
    except files.OthersMayWrite as error:
        raise UsageError(error.strerror, f"{error.remedy}, or set XDG_CACHE_HOME to such a place") from None
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}", "set XDG_CACHE_HOME to another place") from None
    return folder


def _kept(place: str, folder: Path) -> Unpacked | None:
    """What was unpacked before, if all of it still has the checksums that it had then."""
    try:
        files.check_owners(folder / _INDEX)
        digests = json.loads(files.read(folder / _INDEX, _SMALL, follow_links=False))
        if not isinstance(digests, dict) or digests.keys() != set(_WANTED):
            return None
        if any((folder / name).is_symlink() or digest_of(folder / name) != digests[name] for name in _WANTED):
            return None
    except files.OthersMayWrite as error:
        raise UsageError(error.strerror, f"remove {folder}: it is unpacked again") from None
    except (OSError, ValueError, RecursionError, UsageError):
        return None
    return Unpacked(place, folder, digests)


def _unpack(place: str, path: Path, folder: Path) -> None:
    """Write the wanted members below `folder`, and an index of their checksums."""
    folder.mkdir(mode=0o700)
    left = {f"{HOME}/{name}": [name] for name in _WANTED}
    try:
        for _ in range(_PASSES):
            left = left and _one_pass(path, folder, left)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise UsageError(f"{place} cannot be unpacked: {error}", "fetch it again") from None
    missing = [name for name in _WANTED if not (folder / name).is_file()]
    if missing:
        raise UsageError(
            f"{place} is not a server tarball: {HOME}/{missing[0]} is not in it",
            "take kubernetes-server-linux-ARCH.tar.gz",
        )
    (folder / _INDEX).write_text(json.dumps({name: digest_of(folder / name) for name in _WANTED}))


def _one_pass(path: Path, folder: Path, wanted: dict[str, list[str]]) -> dict[str, list[str]]:
    """Write the members of `wanted` (member → names to write it under); returns those that links lead to."""
    more: dict[str, list[str]] = {}
    with tarfile.open(path, "r|*", tarinfo=Member) as archive:
        for member in archive:
            names = wanted.get(member.name.removeprefix("./"))
            if not names:
                continue
            if member.islnk():
                target = folder / basename(member.linkname)
                if target.is_file():
                    for name in names:
                        os.link(target, folder / name)
                else:
                    more.setdefault(member.linkname.removeprefix("./"), []).extend(names)
                continue
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            with (folder / names[0]).open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
                if file.tell() != member.size:
                    raise EOFError(f"it ends inside {member.name}")
            for name in names[1:]:
                os.link(folder / names[0], folder / name)
    return more
