"""Whether files and images are available: asked of a site and a registry on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from kinstall.answers.load import parse
from kinstall.cluster import ClusterSpec, Mirror
from kinstall.cluster.release_files import image_refs, release_files
from kinstall.secrets import Secrets
from kinstall.sources.availability import Availability, State, check, count
from kinstall.sources.http import Response, request

NODE = {"name": "a", "address": "10.30.0.11", "role": "control-plane"}
MANIFEST = json.dumps({"config": {"size": 1000}, "layers": [{"size": 5_000_000}, {"size": 2_000}]}).encode()
LISTED = json.dumps(
    {
        "manifests": [
            {
                "digest": f"sha256:{sha256(MANIFEST).hexdigest()}",
                "platform": {"os": "linux", "architecture": "amd64"},
            }
        ]
    }
).encode()


class Site(BaseHTTPRequestHandler):
    """A release site and a registry: paths that hold `missing` are not there, HEAD only where it is known."""

    asked: ClassVar[list[tuple[str, str, str]]] = []
    knows_head = True

    def do_HEAD(self) -> None:
        self.answer(b"x" * 1234 if self.knows_head else None, 405)

    def do_GET(self) -> None:
        if "/manifests/" not in self.path:
            self.answer(b"x" * 1234)
        else:
            self.answer(MANIFEST if sha256(MANIFEST).hexdigest() in self.path else LISTED, 404)

    def answer(self, body: bytes | None, other: int = 404) -> None:
        self.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        there = body is not None and "missing" not in self.path
        self.send_response(200 if there else other)
        self.send_header("Content-Length", str(len(body or b"") if there else 0))
        self.end_headers()
        if there and self.command == "GET":
            self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Site, "asked", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def answers(site: str) -> ClusterSpec:
    """Everything from one site, pinned."""
    plain = parse(json.dumps({"nodes": [NODE]}))
    pins = {file.name: sha256(file.name.encode()).hexdigest() for file in release_files(plain, "amd64")}
    downloads = dict.fromkeys(("kubernetes", "containerd", "runc", "cniPlugins"), site) | {"sha256": pins}
    digests = dict.fromkeys(image_refs(plain).all(), f"sha256:{sha256(LISTED).hexdigest()}")
    images = {"mirrors": {"registry.k8s.io": {"endpoint": site}}, "digests": digests}
    return parse(json.dumps({"downloads": downloads, "images": images, "nodes": [NODE]}))


def test_everything_is_reported_with_size_and_digest(site: str) -> None:
    """Files by HEAD, images by manifests for the architecture; nothing is fetched, each is reported as it comes."""
    spec, reported = answers(site), list[Availability]()
    found = {each.name: each for each in check(spec, reported.append)}
    assert len(reported) == len(found) == count(spec) == 13
    assert all(each.state is State.THERE for each in found.values())
    assert found["kubelet"].size == 1234 and found["kubelet"].digest == sha256(b"kubelet").hexdigest()
    apiserver = found["kube-apiserver:v1.37.2"]
    assert apiserver.size == 5_003_000 and apiserver.digest == sha256(LISTED).hexdigest()
    assert {method for method, path, _ in Site.asked if "/manifests/" not in path} == {"HEAD"}
    assert all("ns=registry.k8s.io" in path for _, path, _ in Site.asked if "/v2/" in path)


def test_a_server_without_head_is_asked_for_a_byte(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where HEAD is not allowed, a GET that is not read to its end tells the size."""
    monkeypatch.setattr(Site, "knows_head", False)
    assert {each.name: each.size for each in check(answers(site), lambda _: None)}["kubectl"] == 1234


def test_what_is_not_there_is_missing_and_says_who_says_so(site: str) -> None:
    """A site's 404 is an answer about the thing; the others are not affected."""
    spec = answers(f"{site}/missing")
    found = {each.name: each for each in check(spec, lambda _: None)}
    assert found["kubelet"].state is State.MISSING and "404" in found["kubelet"].message
    assert found["pause:3.10.2"].state is State.MISSING and "no such image" in found["pause:3.10.2"].message


def test_what_cannot_be_reached_from_here_is_not_missing() -> None:
    """Nodes may be where the site is: unreachable is not missing."""
    spec = answers("http://127.0.0.1:9")
    found = check(spec, lambda _: None)
    assert {each.state for each in found} == {State.UNKNOWN}
    assert all("not reached from this machine" in each.message for each in found)


def test_a_file_without_a_checksum_says_so() -> None:
    """It is there, but its digest is neither pinned nor in a checksum file."""
    spec = parse(json.dumps({"nodes": [NODE]}))

    def answer(method: str, url: str, headers: object, ca: str) -> Response:
        return Response(200, {"content-length": "7"}, LISTED)

    found = check(spec, lambda _: None, request=answer, fetch_text=lambda url: "nothing of use here\n")
    (kubelet,) = (each for each in found if each.name == "kubelet")
    assert kubelet.state is State.THERE and "no checksum for" in kubelet.message and not kubelet.digest


def test_a_registry_that_wants_a_token_gets_an_anonymous_one() -> None:
    """As the distribution specification has it: 401 names where; the second request brings what was given there."""
    asked: list[tuple[str, str]] = []

    def registry(method: str, url: str, headers: dict[str, str], ca: str) -> Response:
        asked.append((url, headers.get("Authorization", "")))
        if url.startswith("https://auth.example.com"):
            return Response(200, {}, b'{"token": "t0ken"}')
        if "/manifests/" in url and headers.get("Authorization") != "Bearer t0ken":
            challenge = 'Bearer realm="https://auth.example.com/token",service="r",scope="repository:x:pull"'
            return Response(401, {"www-authenticate": challenge})
        return Response(200, {"content-length": "1"}, MANIFEST)

    spec = parse(json.dumps({"nodes": [NODE]}))
    found = check(spec, lambda _: None, request=registry, fetch_text=lambda url: "")  # type: ignore[arg-type]
    assert all(each.state is State.THERE for each in found if ":" in each.name)
    assert any("scope=repository" in url for url, _ in asked)


def test_another_architecture_is_said_to_be_missing(site: str) -> None:
    """An image that is only there for amd64 is of no use to arm64 nodes."""
    found = {each.name: each for each in check(answers(site), lambda _: None, arch="arm64")}
    assert found["pause:3.10.2"].state is State.MISSING and "linux/arm64" in found["pause:3.10.2"].message


def test_a_whole_reference_is_looked_for_where_it_says(site: str) -> None:
    """An image of another registry is asked for there."""
    asked: list[str] = []

    def registry(method: str, url: str, headers: object, ca: str) -> Response:
        asked.append(url)
        return Response(200, {"content-length": "1"}, MANIFEST)

    spec = parse(json.dumps({"images": {"pause": "quay.example.com/own/pause:1"}, "nodes": [NODE]}))
    check(spec, lambda _: None, request=registry, fetch_text=lambda url: "")
    assert "https://quay.example.com/v2/own/pause/manifests/1" in asked


def of_pause(registry: Callable[[str, str, object, str], Response], **images: object) -> Availability:
    """What is found out about the sandbox image at a registry."""
    spec = parse(json.dumps({"images": images, "nodes": [NODE]}))
    found = check(spec, lambda _: None, request=registry, fetch_text=lambda url: "")
    return next(each for each in found if each.name.startswith("pause"))


def test_a_digest_is_asked_for_and_compared() -> None:
    """The registry is asked for the digest; another image, whatever its headers say, is an error with both digests."""
    asked: list[str] = []
    wanted = f"sha256:{sha256(LISTED).hexdigest()}"

    def registry(method: str, url: str, headers: object, ca: str) -> Response:
        asked.append(url)
        return Response(200, {"docker-content-digest": wanted}, body)

    body = MANIFEST
    found = of_pause(registry, pause=f"3.10.2@{wanted}")
    assert f"https://registry.k8s.io/v2/pause/manifests/{wanted}" in asked
    assert found.state is State.MISSING
    assert found.message == (
        f"registry.k8s.io sends sha256:{sha256(MANIFEST).hexdigest()}, but the answers say {wanted}"
    )
    body = LISTED.replace(b"manifests", b"manifests ")
    assert wanted in of_pause(registry, digests={"registry.k8s.io/pause:3.10.2": wanted}).message


def test_an_index_is_believed_no_more_than_a_registry() -> None:
    """The manifest that an index names is compared as well."""

    def registry(method: str, url: str, headers: object, ca: str) -> Response:
        return Response(200, {}, MANIFEST + b" " if "manifests/sha256:" in url else LISTED)

    found = of_pause(registry)
    assert found.state is State.MISSING and "its index says sha256:" in found.message


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"manifests": null}',
        b'{"manifests": [null]}',
        b'{"manifests": [{"platform": {"os": "linux", "architecture": "amd64"}, "digest": "../../x"}]}',
        b'{"manifests": [{"platform": [], "digest": 1}]}',
        b'{"layers": {"a": 1}}',
        b'{"config": 7}',
    ],
)
def test_what_is_not_a_manifest_is_said_to_be_none(body: bytes) -> None:
    """Whatever a registry answers, it becomes a sentence."""
    found = of_pause(lambda method, url, headers, ca: Response(200, {}, body))
    assert found.state is State.MISSING and ("not a manifest" in found.message or "not there for" in found.message)


@pytest.mark.parametrize("token", [b"[" * 100_000, b"no json", b'{"token": "a\\r\\nX: y"}', b"[]"])
def test_what_is_not_a_token_is_not_sent(token: bytes) -> None:
    """A token service cannot put lines into a request, and what it sends is no exception."""
    sent: list[object] = []

    def registry(method: str, url: str, headers: Mapping[str, str], ca: str) -> Response:
        sent.append(headers.get("Authorization", ""))
        if url.startswith("https://auth.example.com"):
            return Response(200, {}, token)
        return Response(401, {"www-authenticate": 'Bearer realm="https://auth.example.com/token"'})

    assert "needs a login" in of_pause(registry).message  # type: ignore[arg-type]
    assert set(sent) == {""}


class UnderAPath(BaseHTTPRequestHandler):
    """A registry whose images are at /v2/proxy/ only, as Harbor has those of a project."""

    def do_GET(self) -> None:
        there = self.path.startswith(("/v2/proxy/pause/manifests/", "/v2/proxy/etcd/manifests/"))
        self.send_response(200 if there else 404)
        self.send_header("Content-Length", str(len(MANIFEST)))
        self.end_headers()
        self.wfile.write(MANIFEST)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_a_mirror_with_a_path_is_asked_where_containerd_asks() -> None:
    """Behind a path with /v2/ in it comes the image's own; /v2 comes behind any other path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), UnderAPath)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_address[1]}"
    spec = parse(json.dumps({"nodes": [NODE]}))
    try:
        for path, there in (("/v2/proxy", True), ("", False), ("/proxy", False), ("/v2", False)):
            mirrors = {"registry.k8s.io": Mirror(endpoint=f"{host}{path}")}
            wanted = replace(spec, images=replace(spec.images, mirrors=mirrors))
            found = {each.name: each for each in check(wanted, lambda _: None, fetch_text=lambda url: "")}
            assert (found["pause:3.10.2"].state is State.THERE) is there, path
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("endpoint", "api"),
    [
        ("https://m.example.com", "https://m.example.com/v2"),
        ("https://m.example.com:5000/v2", "https://m.example.com:5000/v2"),
        ("https://m.example.com/proxy", "https://m.example.com/proxy/v2"),
        ("https://m.example.com/api/docker/v2", "https://m.example.com/api/docker/v2"),
        ("https://m.example.com/v2/proxy", "https://m.example.com/v2/proxy"),
        ("https://m.example.com/a/v2/proxy/b", "https://m.example.com/a/v2/proxy/b"),
        ("https://m.example.com//v2//proxy", "https://m.example.com/v2/proxy"),
        ("https://m.example.com/v2proxy", "https://m.example.com/v2proxy/v2"),
    ],
)
def test_the_address_of_a_mirrors_images(endpoint: str, api: str) -> None:
    """As containerd makes it of `server` in hosts.toml, with override_path where there is something behind /v2."""
    assert Mirror(endpoint=endpoint).api == api


def test_stopping_leaves_the_rest_unasked(site: str) -> None:
    """Somebody who goes on does not wait for the rest."""
    stop = threading.Event()
    stop.set()
    assert check(answers(site), lambda _: None, stop=stop) == [] and Site.asked == []


def test_a_redirect_to_another_host_does_not_carry_the_login(site: str) -> None:
    """What lets us in at a registry is for that registry only."""
    seen: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{site}/there")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        answer = request("GET", f"http://127.0.0.1:{server.server_address[1]}/x", {"Authorization": "Basic c2VjcmV0"})
    finally:
        server.shutdown()
        server.server_close()
    seen += [authorization for _, path, authorization in Site.asked if path == "/there"]
    assert answer.status == 200 and seen == [""]


def test_what_this_machine_sends_is_looked_for_here(tmp_path: Path) -> None:
    """A folder's files with their checksums, archives by what is in them; a server tarball is not unpacked for it."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "kubelet").write_bytes(b"kubelet")
    (folder / "kubelet.sha256").write_text(sha256(b"kubelet").hexdigest())
    archives = {"source": "archives", "archives": str(tmp_path)}
    text = json.dumps({"downloads": {"folder": str(folder)}, "images": archives, "nodes": [NODE]})
    found = {each.name: each for each in check(parse(text), lambda _: None)}
    assert found["kubelet"].state is State.THERE and found["kubelet"].size == 7
    assert found["kubelet"].digest == sha256(b"kubelet").hexdigest()
    assert found["kubectl"].state is State.MISSING and "kubectl" in found["kubectl"].message
    assert found["pause:3.10.2"].state is State.MISSING


def test_secrets_that_are_prompted_are_not_asked_for_in_vain(site: str) -> None:
    """Without a mirror that wants a login nothing is prompted."""
    check(answers(site), lambda _: None, secrets=Secrets(prompt=lambda text: pytest.fail(text)))
