"""Whether release files and images can be had, how large they are and what vouches for them: asked, nothing fetched.

The operator's machine asks. Nodes may be in another network: what cannot be reached from here is told as that, not as
missing.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from kinstall.cluster import ClusterSpec, Mirror
from kinstall.cluster.release_files import Place, ReleaseFile, image_refs, pinned_digest, release_files
from kinstall.errors import KinstallError
from kinstall.secrets import Secrets
from kinstall.sources import checksums, image_archive, server_tarball
from kinstall.sources.gather import operators_file

_AT_ONCE = 6
_TIMEOUT = 15
_LARGEST = 4 << 20
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT = ", ".join((*_INDEXES, *_MANIFESTS))
_HUB = {"docker.io": "registry-1.docker.io"}


class State(StrEnum):
    THERE = "there"
    MISSING = "missing"
    """Its place answered that there is no such thing, or does not give it to us."""
    UNKNOWN = "unknown"
    """Its place cannot be reached from here; nodes may reach it."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A file or an image. `place` is where it was looked for, `size` bytes to fetch (0: not told), `digest` hex."""

    name: str
    place: str
    state: State
    size: int = 0
    digest: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: `headers` in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Ask = Callable[[str, str, Mapping[str, str], str], Answer]
"""ask(method, url, headers, path of an authority's certificate or ""). Raises OSError where there is no answer."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to another host without what lets us in at this one."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and _host(newurl) != _host(req.full_url):
            request.remove_header("Authorization")
        return request


def ask(method: str, url: str, headers: Mapping[str, str], ca_file: str = "") -> Answer:
    """One HTTP request; redirects are followed, and an error status is an answer."""
    context = ssl.create_default_context(cafile=str(Path(ca_file).expanduser())) if ca_file else None
    opener = urllib.request.build_opener(_Redirects, urllib.request.HTTPSHandler(context=context))
    try:
        # Sites of the answers: http and https only, says a rule.
        request = urllib.request.Request(url, method=method, headers=dict(headers))  # noqa: S310
        with opener.open(request, timeout=_TIMEOUT) as answer:
            body = answer.read(_LARGEST) if method == "GET" else b""
            return Answer(answer.status, _lower(answer.headers), body)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _lower(error.headers), b"")


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def count(spec: ClusterSpec, arch: str = "amd64") -> int:
    """How many things there are to look for."""
    return len(release_files(spec, arch)) + len(_refs(spec))


def look(
    spec: ClusterSpec,
    tell: Callable[[Looked], None],
    *,
    arch: str = "amd64",
    secrets: Secrets | None = None,
    stop: threading.Event | None = None,
    ask: Ask = ask,
    fetch_checksums: Callable[[str], str] = checksums.fetch,
) -> list[Looked]:
    """Look for everything that nodes of this architecture fetch; `tell` hears of each as soon as it is known."""
    known = secrets or Secrets()
    work: list[Callable[[], Looked]] = [
        partial(_file, spec, file, ask, fetch_checksums) for file in release_files(spec, arch)
    ]
    work += [partial(_image, spec, ref, arch, known, ask) for ref in _refs(spec)]

    def one(job: Callable[[], Looked]) -> Looked | None:
        if stop is not None and stop.is_set():
            return None
        found = job()
        tell(found)
        return found

    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="kinstall-look") as pool:
        return [found for found in pool.map(one, work) if found is not None]


def _refs(spec: ClusterSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(image_refs(spec).all()))


# Release files


def _file(spec: ClusterSpec, file: ReleaseFile, ask: Ask, fetch_checksums: Callable[[str], str]) -> Looked:
    if file.place is not Place.SITE:
        return _on_this_machine(spec, file)
    found = Looked(file.name, file.url, State.UNKNOWN)
    try:
        answer = ask("HEAD", file.url, {}, "")
        if answer.status in (405, 501):  # a server that knows no HEAD
            answer = ask("GET", file.url, {"Range": "bytes=0-0"}, "")
    except OSError as error:
        return replace(found, message=_unreached(error))
    if answer.status >= 400:
        return replace(found, state=State.MISSING, message=f"{_host(file.url)} answers {answer.status}")
    found = replace(found, state=State.THERE, size=_size(answer))
    pinned = pinned_digest(spec, file)
    if pinned:
        return replace(found, digest=pinned, message="pinned")
    try:
        digest = checksums.find(fetch_checksums(file.checksums), file.name)
    except (OSError, ValueError) as error:
        return replace(found, message=f"nothing vouches for it: {getattr(error, 'reason', error)}")
    return replace(found, digest=digest, message="" if digest else "nothing vouches for it: pin it in downloads.sha256")


def _on_this_machine(spec: ClusterSpec, file: ReleaseFile) -> Looked:
    """A file that the operator's machine sends. A server tarball is unpacked by a run, not for a look at it."""
    if file.place is Place.TARBALL:
        place = file.url.partition("#")[0]
        there = place.startswith("https://") or Path(place).expanduser().is_file()
        message = "comes out of the server tarball" if there else f"there is no {place}"
        return Looked(file.name, place, State.UNKNOWN if there else State.MISSING, message=message)
    try:
        path, digest = operators_file(spec, file)
        return Looked(file.name, file.url, State.THERE, path.stat().st_size, digest, "sent from this machine")
    except (KinstallError, OSError) as error:
        return Looked(file.name, file.url, State.MISSING, message=getattr(error, "what", str(error)))


def _size(answer: Answer) -> int:
    total = answer.headers.get("content-range", "").rpartition("/")[2] or answer.headers.get("content-length", "")
    return int(total) if total.isdecimal() else 0


# Images


def _image(spec: ClusterSpec, ref: str, arch: str, secrets: Secrets, ask: Ask) -> Looked:
    if spec.images.source == "archives":
        return _archived(spec, ref, arch)
    host, _, rest = ref.partition("/")
    name, _, tag = rest.rpartition(":")
    mirror = spec.images.mirrors.get(host)
    base = _base(mirror.endpoint if mirror else f"https://{_HUB.get(host, host)}")
    found = Looked(rest, base.removesuffix("/v2"), State.UNKNOWN)
    try:
        registry = _Registry(base, name, host if mirror else "", mirror, secrets, ask)
        answer = registry.manifest(tag)
        if answer.status != 200:
            why = (
                "wants a login" if answer.status in (401, 403) else "has no such image" if answer.status == 404 else ""
            )
            message = f"{_host(base)} {why or f'answers {answer.status}'}"
            return replace(found, state=State.MISSING, message=message)
        digest = answer.headers.get("docker-content-digest", "") or f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        size, message = registry.size(answer, arch)
    except OSError as error:
        return replace(found, message=_unreached(error))
    except KinstallError as error:
        return replace(found, message=error.what)
    except ValueError:
        return replace(found, state=State.MISSING, message=f"{_host(base)} answers with something that is no manifest")
    state = State.MISSING if message else State.THERE
    return replace(found, state=state, size=size, digest=digest.removeprefix("sha256:"), message=message)


def _archived(spec: ClusterSpec, ref: str, arch: str) -> Looked:
    """An image that comes out of an archive on this machine."""
    name = ref.partition("/")[2]
    places = [place for place in (spec.images.archives, spec.downloads.server_tarball) if place]
    wanted = image_archive.names_for(ref, spec.images.image_repository, arch)
    try:
        for path in image_archive.files_in(spec.images.archives) if spec.images.archives else ():
            if any(arch in image_archive.read(path).get(each, ()) for each in wanted):
                return Looked(name, str(path), State.THERE, path.stat().st_size, "", f"in {path.name}")
    except (KinstallError, OSError) as error:
        return Looked(name, spec.images.archives, State.MISSING, message=getattr(error, "what", str(error)))
    if spec.downloads.server_tarball and name.partition(":")[0] in server_tarball.IMAGES:
        return Looked(name, places[-1], State.UNKNOWN, message="comes out of the server tarball")
    return Looked(name, " ".join(places), State.MISSING, message=f"no archive in {' or '.join(places)} holds it")


def _base(endpoint: str) -> str:
    """The registry's API below an endpoint, as containerd takes it."""
    trimmed = endpoint.rstrip("/")
    return trimmed if trimmed.endswith("/v2") else f"{trimmed}/v2"


class _Registry:
    """One repository of a registry: manifests, with the login that it wants."""

    def __init__(self, base: str, name: str, namespace: str, mirror: Mirror | None, secrets: Secrets, ask: Ask) -> None:
        self._url, self._query = f"{base}/{name}", f"?ns={namespace}" if namespace else ""
        self._ask = ask
        self._ca = mirror.ca_file if mirror else ""
        self._headers = {"Accept": _ACCEPT}
        if mirror and mirror.user:
            encoded = b64encode(f"{mirror.user}:{secrets.resolve(mirror.password).reveal()}".encode()).decode()
            self._headers["Authorization"] = f"Basic {encoded}"

    def manifest(self, reference: str) -> Answer:
        url = f"{self._url}/manifests/{reference}{self._query}"
        answer = self._ask("GET", url, self._headers, self._ca)
        if answer.status == 401 and "Authorization" not in self._headers:
            token = self._token(answer.headers.get("www-authenticate", ""))
            if token:
                self._headers["Authorization"] = f"Bearer {token}"
                return self._ask("GET", url, self._headers, self._ca)
        return answer

    def size(self, answer: Answer, arch: str) -> tuple[int, str]:
        """(bytes to fetch for an architecture, why it is of no use there)."""
        content = json.loads(answer.body)
        if "manifests" in content:
            wanted = next((each for each in content["manifests"] if _is_for(each.get("platform", {}), arch)), None)
            if wanted is None:
                return 0, f"not there for linux/{arch}"
            content = json.loads(self.manifest(wanted["digest"]).body or b"{}")
        parts = [content.get("config", {}), *content.get("layers", ())]
        return sum(int(part.get("size", 0)) for part in parts), ""

    def _token(self, challenge: str) -> str:
        """An anonymous token, as registries of the distribution specification give it; "" where there is none."""
        kind, _, rest = challenge.partition(" ")
        told = urllib.request.parse_keqv_list(urllib.request.parse_http_list(rest)) if kind.lower() == "bearer" else {}
        realm = told.pop("realm", "")
        if not realm.startswith("https://"):
            return ""
        answer = self._ask("GET", f"{realm}?{urllib.parse.urlencode(told)}", {}, "")
        content = json.loads(answer.body) if answer.status == 200 else {}
        return str(content.get("token") or content.get("access_token") or "")


def _is_for(platform: Mapping[str, str], arch: str) -> bool:
    return platform.get("os") == "linux" and platform.get("architecture") == arch


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc.rpartition("@")[2]


def _unreached(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error
    return f"not reached from this machine: {getattr(reason, 'strerror', None) or reason}"
