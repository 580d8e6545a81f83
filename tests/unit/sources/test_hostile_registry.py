"""A mirror that means harm: whatever it does, each image gets a sentence, soon, and little memory is taken."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kinstall.answers.load import parse
from kinstall.cluster.release_files import image_refs
from kinstall.sources import http
from kinstall.sources.availability import Availability, State, check

PATIENCE = 1.5
"""Seconds for an answer altogether, where the product waits for sixty."""
SOON = 15.0
MOST_MEMORY = 96 << 20
"""Bytes, for six answers of at most 4 MiB at once, each read and parsed."""

Attack = Callable[[BaseHTTPRequestHandler], None]


def begun(handler: BaseHTTPRequestHandler, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


def endless(piece: bytes, pause: float = 0) -> Attack:
    def attack(handler: BaseHTTPRequestHandler) -> None:
        begun(handler)
        while True:
            handler.wfile.write(piece)
            time.sleep(pause)

    return attack


def many_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n")


def long_header(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * (8 << 20) + b"\r\n\r\n")


def token_of_itself(handler: BaseHTTPRequestHandler) -> None:
    begun(handler, 401, **{"WWW-Authenticate": "Bearer " + "realm=," * 9000})


ATTACKS: dict[str, Attack] = {
    "endless": endless(b"x" * 65536),
    "endless brackets": endless(b"[" * 65536),
    "a byte now and then": endless(b" ", pause=0.2),
    "a redirect to itself": lambda handler: begun(handler, 302, Location=handler.path),
    "a redirect to a file": lambda handler: begun(handler, 302, Location="file:///etc/passwd"),
    "many headers": many_headers,
    "a long header": long_header,
    "a challenge without an end": token_of_itself,
    "another image": lambda handler: (begun(handler), handler.wfile.write(b'{"layers": []}'))[0],  # type: ignore[func-returns-value]
    "an error with escapes": lambda handler: begun(handler, 500, **{"X-A": "\x1b]0;title\x07"}),
}


@pytest.fixture
def registry(request: pytest.FixtureRequest) -> Iterator[str]:
    attack: Attack = request.param

    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):  # whoever asked has gone
                attack(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def looked_at(site: str) -> list[Availability]:
    node = {"name": "a", "address": "10.30.0.11", "role": "control-plane"}
    digests = dict.fromkeys(image_refs(parse(json.dumps({"nodes": [node]}))).all(), f"sha256:{'a' * 64}")
    images = {"mirrors": {"registry.k8s.io": {"endpoint": site}}, "digests": digests}
    # The files are of no interest: nothing is asked for them.
    downloads = {"folder": "/nowhere"}
    return check(parse(json.dumps({"images": images, "downloads": downloads, "nodes": [node]})), lambda _: None)


@pytest.mark.parametrize("registry", ATTACKS.values(), ids=ATTACKS.keys(), indirect=True)
def test_a_mirror_that_means_harm(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No image of it is there; the sentence is short and clean, and neither time nor memory is without a bound."""
    monkeypatch.setattr(http, "_PATIENCE", PATIENCE)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    tracemalloc.start()
    began = time.monotonic()
    try:
        found = [each for each in looked_at(registry) if ":" in each.name]
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 7
    assert time.monotonic() - began < SOON
    assert taken < MOST_MEMORY
    for each in found:
        assert each.state is not State.THERE, each
        assert each.message and len(each.message) < 400 and each.message.isprintable(), each
