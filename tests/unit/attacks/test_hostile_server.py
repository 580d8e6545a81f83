"""A mirror or registry that redirects, lies or never ends: requests end in time, in bounded memory, in words, and what
lets us in at one server is not carried to another.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from kinstall.answers.load import parse
from kinstall.cluster import Mirror
from kinstall.cluster.release_files import release_files
from kinstall.errors import KinstallError
from kinstall.sources import availability, http
from kinstall.sources.download import fetch_file
from kinstall.terminal.stream import harmless_streams
from kinstall.terminal.tables import show_table
from tests.unit.attacks.child import Ran, fine, run

Reply = Callable[[socket.socket, str], None]
SHORT = {
    "kinstall.sources.http._SILENCE": 1.0,
    "kinstall.sources.http._PATIENCE": 1.0,
    "kinstall.sources.download._LARGEST": 8 << 20,
}
OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def server(reply: Reply) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the heads of the requests that it got. What it says is not HTTP by any library."""
    heads: list[str] = []

    def serve(sock: socket.socket) -> None:
        try:
            with sock:
                head = b""
                while b"\r\n\r\n" not in head and (more := sock.recv(1 << 16)):
                    head += more
                heads.append(head.decode())
                reply(sock, heads[-1])
        except OSError:
            pass  # the other side had enough

    def loop() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=loop, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads


def send(data: bytes) -> Reply:
    return lambda sock, head: sock.sendall(data)


def endless(first: bytes, again: bytes, pause: float = 0.0) -> Reply:
    def reply(sock: socket.socket, head: str) -> None:
        sock.sendall(first)
        over = threading.Event()
        while not over.wait(pause):
            sock.sendall(again)

    return reply


def hold(sock: socket.socket, head: str) -> None:
    sock.recv(1)


def redirected(to: str, body: bytes = b"") -> Reply:
    return send(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode() + body)


BLOCK = b"x" * (1 << 16)
ANSWERS: dict[str, Reply] = {
    "silence": hold,
    "a body without an end": endless(OK + b"\r\n", BLOCK),
    "a body byte by byte": endless(OK + b"\r\n", b"x", 0.1),
    "a length that lies": send(OK + b"Content-Length: 99999999999\r\n\r\nshort"),
    "a length of many digits": send(OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nshort"),
    "a length below none": send(OK + b"Content-Length: -5\r\n\r\nshort"),
    "headers without an end": endless(OK, b"a: " + b"b" * 1000 + b"\r\n"),
    "headers byte by byte": endless(OK, b"a", 0.1),
    "one header without an end": endless(OK + b"a: ", BLOCK),
    "a status without an end": endless(b"HTTP/1.1 200 ", BLOCK),
    "for ever to be continued": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
    "chunks byte by byte": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0", 0.1),
    "chunks without an end": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + BLOCK + b"\r\n"),
    "a chunk of a size that is none": send(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "too many requests": send(b"HTTP/1.1 429 Slow down\r\nRetry-After: 1e9\r\nContent-Length: 0\r\n\r\n"),
    "not available": send(b"HTTP/1.1 503 \x1b[2J\x9b31m\r\nRetry-After: 999999999\r\nContent-Length: 0\r\n\r\n"),
    "another protocol": endless(b"", b"\x1b]0;x\x07SSH-2.0-x\r\n"),
    "a redirect to a file": redirected("file:///etc/passwd"),
    "a redirect to another protocol": redirected("ftp://127.0.0.1/x"),
    "a redirect to itself": redirected("/"),
    "a redirect to nowhere": redirected("http://[::"),
    "a redirect with escapes": redirected("http://127.0.0.1:1/\x1b[2J"),
    "a redirect with an endless body": endless(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", BLOCK),
    "compressed": send(OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b" + b"\0" * 100),
}


def fetch(url: str, folder: str) -> int:
    """As a file whose checksum is known; its failure is a sentence."""
    target = Path(folder) / "file"
    try:
        fetch_file(url, sha256(b"honest").hexdigest(), target)
    except OSError as error:
        print(f"{url} could not be fetched: {error}", file=sys.stderr)
        assert not list(Path(folder).iterdir())
        return 2
    return 0


def ask(url: str) -> int:
    """As a small answer."""
    try:
        response = http.request("GET", url, {"Authorization": "Basic c2VjcmV0"})
    except OSError as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 2
    print(response.status, len(response.body))
    return 0


@pytest.mark.parametrize("name", ANSWERS)
def test_a_server(tmp_path: Path, name: str) -> None:
    """As a file nothing of it is kept; as a small answer it is an answer or a sentence."""
    with server(ANSWERS[name]) as (url, _):
        ran = run(
            harmlessly, "fetch", url, str(tmp_path), budgets={**SHORT, "kinstall.sources.download._LARGEST": 8 << 20}
        )
        fine(ran, 2, "could not be fetched")
        ran = run(harmlessly, "ask", url, budgets=SHORT)
        fine(ran, ran.code or 0)
        assert ran.code in (0, 2)


def harmlessly(what: str, *arguments: str) -> int:
    """What a command prints goes this way."""
    with harmless_streams():
        return WORK[what](*arguments)


def test_a_login_is_not_carried_away() -> None:
    """Neither to another port, nor to another name of the same server."""
    with server(send(OK + b"Content-Length: 2\r\n\r\nok")) as (other, heads):
        for place in (other, other.replace("127.0.0.1", "localhost")):
            with server(redirected(f"{place}/x")) as (url, first):
                fine(run(harmlessly, "ask", url), 0)
            assert "c2VjcmV0" in first[0]
    assert len(heads) == 2 and not [head for head in heads if "c2VjcmV0" in head]


INDEX = {"digest": f"sha256:{'a' * 64}", "platform": {"os": "linux", "architecture": "amd64"}}
MANIFESTS: dict[str, bytes] = {
    "nothing": b"",
    "brackets": b"[" * 1_000_000,
    "braces": b'{"a":' * 500_000,
    "a number": b"5",
    "a size without end": json.dumps({"config": {"size": 1}, "layers": [{"size": float("inf")}]}).encode(),
    "sizes below none": json.dumps({"config": {"size": -5}, "layers": [{"size": "x"}]}).encode(),
    "a size of many digits": b'{"config": {"size": ' + b"9" * 10_000 + b"}}",
    "an index of itself": json.dumps({"manifests": [INDEX]}).encode(),
    "an index of no digest": json.dumps({"manifests": [{**INDEX, "digest": "../../../x?y=\r\n\x1b[2J"}]}).encode(),
    "an index of other types": b'{"manifests": [1, null, "x", {"platform": 7}]}',
    "a long index": json.dumps({"manifests": [{"platform": {"os": "x"}}] * 20_000}).encode(),
    "more than any": b'{"config": "' + b"x" * (5 << 20) + b'"}',
}


def look(url: str) -> int:
    """Whether everything is available, as the wizard asks."""
    node = {"name": "a", "address": "10.30.0.11", "role": "control-plane"}
    pins = {each.name: "0" * 64 for each in release_files(parse(json.dumps({"nodes": [node]})), "amd64")}
    downloads = dict.fromkeys(("kubernetes", "containerd", "runc", "cniPlugins"), url) | {"sha256": pins}
    spec = parse(json.dumps({"downloads": downloads, "nodes": [node]}))
    # As an https:// mirror, whose images need no digests in the answers.
    spec = replace(spec, images=replace(spec.images, mirrors={"registry.k8s.io": Mirror(endpoint=url)}))
    try:
        found = availability.check(spec, lambda each: None)
    except KinstallError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    show_table(("name", "place", "state", "size", "why"), [
        (each.name, each.place, each.state.value, str(each.size), each.message) for each in found
    ], sys.stdout)  # fmt: skip
    return 0


WORK: dict[str, Callable[..., int]] = {"fetch": fetch, "ask": ask, "look": look}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_registry(name: str) -> None:
    """Its images are missing or of no known size; the release files beside them are looked at all the same."""
    body = MANIFESTS[name]
    length = f"Content-Length: {len(body)}\r\nDocker-Content-Digest: \x1b[2Jsha256:x\r\n\r\n".encode()
    reply = OK + length + body

    def answer(sock: socket.socket, head: str) -> None:
        sock.sendall(reply if "/manifests/" in head else OK + b"Content-Length: 1234\r\n\r\n")

    with server(answer) as (url, _):
        ran: Ran = run(harmlessly, "look", url)
    fine(ran, 0, "kube-apiserver")
    assert [line for line in ran.out.splitlines() if line.startswith("kubelet ") and "1234" in line]


@pytest.mark.parametrize(
    "realm", ["https://127.0.0.1:1/token", "http://127.0.0.1:1/token", "file:///etc/passwd", "\x1b[2J"]
)
def test_a_registry_that_sends_us_elsewhere_for_a_token(realm: str) -> None:
    """Nothing but HTTPS is asked, and nothing of ours goes there."""
    refusal = f'HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm="{realm}",service="x"\r\nContent-Length: 0\r\n\r\n'
    with server(send(refusal.encode())) as (url, _):
        fine(run(harmlessly, "look", url), 0, "kube-apiserver")
