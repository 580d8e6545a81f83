"""Whether release files and images are available, how large they are and which checksum they have. Nothing is fetched.

The operator's machine asks. Nodes may be in another network: what cannot be reached from here is reported as that, not
as missing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from kinstall.cluster import ClusterSpec
from kinstall.cluster.image_names import ImageName
from kinstall.cluster.release_files import Place, ReleaseFile, image_refs, pinned_digest, release_files
from kinstall.errors import KinstallError
from kinstall.secrets import Secrets
from kinstall.sources import checksums, http, image_archive, server_tarball
from kinstall.sources.from_disk import is_image, operators_file
from kinstall.sources.http import Response
from kinstall.sources.registry import Repository, Request, WrongDigest, api_of, digest_of

_AT_ONCE = 6


class State(StrEnum):
    THERE = "there"
    MISSING = "missing"
    """Its place answered that there is no such thing, or does not give it to us."""
    UNKNOWN = "unknown"
    """Its place cannot be reached from here; nodes may reach it."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Of a file or an image. `place`: where it comes from. `size`: bytes to fetch, 0 if unknown. `digest`: SHA-256."""

    name: str
    place: str
    state: State
    size: int = 0
    digest: str = ""
    message: str = ""


def count(spec: ClusterSpec, arch: str = "amd64") -> int:
    """How many files and images `check` looks for."""
    return len(release_files(spec, arch)) + len(_refs(spec))


def check(
    spec: ClusterSpec,
    report: Callable[[Availability], None],
    *,
    arch: str = "amd64",
    secrets: Secrets | None = None,
    stop: threading.Event | None = None,
    request: Request = http.request,
    fetch_text: Callable[[str], str] = http.text_over_tls,
) -> list[Availability]:
    """Look for everything that nodes of this architecture fetch; `report` gets each as soon as it is known."""
    shared_secrets = secrets or Secrets()
    jobs: list[Callable[[], Availability]] = [
        partial(_file, spec, file, request, fetch_text) for file in release_files(spec, arch)
    ]
    jobs += [partial(_image, spec, ref, arch, shared_secrets, request) for ref in _refs(spec)]

    def run(job: Callable[[], Availability]) -> Availability | None:
        if stop is not None and stop.is_set():
            return None
        result = job()
        report(result)
        return result

    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="kinstall-availability") as pool:
        return [result for result in pool.map(run, jobs) if result is not None]


def _refs(spec: ClusterSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(image_refs(spec).all()))


# Release files


def _file(spec: ClusterSpec, file: ReleaseFile, request: Request, fetch_text: Callable[[str], str]) -> Availability:
    if file.place is not Place.SITE:
        return _on_this_machine(spec, file)
    unknown = Availability(file.name, file.url, State.UNKNOWN)
    try:
        response = request("HEAD", file.url, {}, "")
        if response.status in (405, 501):  # a server that does not know HEAD
            response = request("GET", file.url, {"Range": "bytes=0-0"}, "")
    except OSError as error:
        return replace(unknown, message=_unreached(error))
    if response.status >= 400:
        return replace(unknown, state=State.MISSING, message=f"{http.host(file.url)} answers {response.status}")
    there = replace(unknown, state=State.THERE, size=_size(response))
    pinned = pinned_digest(spec, file)
    if pinned:
        return replace(there, digest=pinned, message="pinned")
    try:
        digest = checksums.find(fetch_text(file.checksums), file.name)
    except OSError as error:
        return replace(there, message=f"no checksum for it: {error}")
    return replace(there, digest=digest, message="" if digest else "no checksum for it: pin it in downloads.sha256")


def _on_this_machine(spec: ClusterSpec, file: ReleaseFile) -> Availability:
    """A file that the operator's machine sends. A server tarball is unpacked by a run, not for a look at it."""
    if file.place is Place.TARBALL:
        place = file.url.partition("#")[0]
        there = place.startswith("https://") or Path(place).expanduser().is_file()
        message = "comes out of the server tarball" if there else f"there is no {place}"
        return Availability(file.name, place, State.UNKNOWN if there else State.MISSING, message=message)
    try:
        path, digest = operators_file(spec, file)
        return Availability(file.name, file.url, State.THERE, path.stat().st_size, digest, "sent from this machine")
    except (KinstallError, OSError) as error:
        return Availability(file.name, file.url, State.MISSING, message=getattr(error, "what", str(error)))


def _size(response: Response) -> int:
    headers = response.headers
    total = headers.get("content-range", "").rpartition("/")[2] or headers.get("content-length", "")
    return int(total) if re.fullmatch("[0-9]{1,15}", total) else 0


# Images


def _image(spec: ClusterSpec, ref: str, arch: str, secrets: Secrets, request: Request) -> Availability:
    if spec.images.source == "archives":
        return _archived(spec, ref, arch)
    name = ImageName.parse(ref)
    mirror = spec.images.mirrors.get(name.registry)
    api = api_of(name.registry, mirror)
    unknown = Availability(_shown(name), api.removesuffix("/v2"), State.UNKNOWN)
    missing = replace(unknown, state=State.MISSING)
    try:
        repository = Repository(name.registry, name.path, mirror, secrets, request)
        manifest = repository.manifest(name.reference)
        if manifest.status != 200:
            return replace(missing, message=f"{http.host(api)} {_refusal(manifest.status)}")
        size = repository.size(manifest, arch)
    except WrongDigest as wrong:
        said = f"the answers say {name.digest}" if wrong.asked == name.digest else f"its index says {wrong.asked}"
        return replace(missing, message=f"{http.host(api)} sends {wrong.found}, but {said}")
    except OSError as error:
        return replace(unknown, message=_unreached(error))
    except KinstallError as error:
        return replace(unknown, message=error.what)
    except ValueError:
        return replace(missing, message=f"{http.host(api)} answers with something that is not a manifest")
    digest = digest_of(manifest).removeprefix("sha256:")
    if size is None:
        return replace(missing, digest=digest, message=f"not there for linux/{arch}")
    return replace(unknown, state=State.THERE, size=size, digest=digest)


def _shown(name: ImageName) -> str:
    """The image without its registry, and without a digest that is beside a tag: what has to be told apart."""
    return (name.tagged if name.tag else str(name)).partition("/")[2]


def _refusal(status: int) -> str:
    return {401: "needs a login", 403: "needs a login", 404: "has no such image"}.get(status, f"answers {status}")


def _archived(spec: ClusterSpec, ref: str, arch: str) -> Availability:
    """An image that comes out of an archive on this machine."""
    wanted = ImageName.parse(ref)
    name = _shown(wanted)
    places = [place for place in (spec.images.archives, spec.downloads.server_tarball) if place]
    names = image_archive.names_for(ref, spec.images.image_repository, arch)
    digest = wanted.digest.removeprefix("sha256:")
    try:
        for path in image_archive.files_in(spec.images.archives) if spec.images.archives else ():
            images = image_archive.read(path)
            if any(is_image(images[each], ref, arch) for each in names if each in images):
                return Availability(name, str(path), State.THERE, path.stat().st_size, digest, f"in {path.name}")
    except (KinstallError, OSError) as error:
        return Availability(name, spec.images.archives, State.MISSING, message=getattr(error, "what", str(error)))
    if spec.downloads.server_tarball and wanted.repository.rpartition("/")[2] in server_tarball.IMAGES:
        return Availability(name, places[-1], State.UNKNOWN, message="comes out of the server tarball")
    what = "holds it with this digest" if digest else "holds it"
    return Availability(name, " ".join(places), State.MISSING, message=f"no archive in {' or '.join(places)} {what}")


def _unreached(error: OSError) -> str:
    return f"not reached from this machine: {error.strerror or error}"
