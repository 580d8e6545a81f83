"""Requests to servers on loopback that redirect, never end, send nothing, or do not speak HTTP."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assets.credentials import issue
from assets.credentials.pki import Leaf, LeafRequest
from kinstall.sources import http

Reply = Callable[[BaseHTTPRequestHandler], None]


class Servers:
    """Servers over HTTP and HTTPS; `replies`: path → what is done there."""

    def __init__(self, folder: Path) -> None:
        self.replies: dict[str, Reply] = {}
        now = datetime.now(UTC)
        ca = issue.new_authority("test", "ecdsa", now, 2)
        request = LeafRequest(Leaf.APISERVER, "n1", "server", server=True, addresses=("127.0.0.1",))
        pair = issue.issue(request, ca, "ecdsa", now, 1)
        self.ca, server = folder / "ca.pem", folder / "server.pem"
        self.ca.write_bytes(ca.certificate_pem)
        server.write_bytes(pair.certificate_pem + pair.key_pem)
        self.plain, self.tls = (ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) for _ in range(2))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server)
        self.tls.socket = context.wrap_socket(self.tls.socket, server_side=True)
        for each in (self.plain, self.tls):
            threading.Thread(target=each.serve_forever, daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replies = self.replies

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                replies[self.path](self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler

    def url(self, scheme: str, path: str) -> str:
        server = self.tls if scheme == "https" else self.plain
        return f"{scheme}://127.0.0.1:{server.server_address[1]}{path}"

    def close(self) -> None:
        for each in (self.plain, self.tls):
            each.shutdown()
            each.server_close()


def redirect(to: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.end_headers()

    return reply


def content(data: bytes, length: int | None = None) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if length is not None:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(data)

    return reply


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * (1 << 16))
    except OSError:
        pass  # the client had enough


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    servers = Servers(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.ca))
    yield servers
    servers.close()


def test_every_hop_of_a_checksum_is_over_tls(servers: Servers) -> None:
    """HTTPS to HTTPS is followed; HTTPS to HTTP and back to HTTPS is refused at the first plain hop."""
    servers.replies |= {
        "/sum": content(b"digest"),
        "/straight": redirect(servers.url("https", "/sum")),
        "/round": redirect(servers.url("http", "/back")),
        "/back": redirect(servers.url("https", "/sum")),
    }
    assert http.text_over_tls(servers.url("https", "/straight")) == "digest"
    with pytest.raises(OSError, match="redirected to plain HTTP"):
        http.text_over_tls(servers.url("https", "/round"))
    with pytest.raises(OSError, match="does not come over TLS"):
        http.text_over_tls(servers.url("http", "/sum"))


def test_only_http_is_fetched(servers: Servers, tmp_path: Path) -> None:
    """Neither an address nor a redirect leads to a file of this machine or to another protocol."""
    (tmp_path / "file").write_text("local")
    servers.replies["/to-file"] = redirect((tmp_path / "file").as_uri())
    servers.replies["/to-ftp"] = redirect("ftp://127.0.0.1/file")
    for url in ((tmp_path / "file").as_uri(), servers.url("http", "/to-file"), servers.url("http", "/to-ftp"), "x"):
        with pytest.raises(OSError, match=r"is not a scheme|redirect cannot be followed"):
            http.request("GET", url, {})


def test_a_body_without_an_end(servers: Servers) -> None:
    """A small answer is cut at 4 MiB, a text and a file are refused past their limit."""
    servers.replies["/endless"] = endless
    assert len(http.request("GET", servers.url("http", "/endless"), {}).body) == 4 << 20
    with pytest.raises(OSError, match="larger than 1 MiB"):
        http.text_over_tls(servers.url("https", "/endless"))
    with pytest.raises(OSError, match="larger than 3 MiB"):
        sum(map(len, http.chunks(servers.url("http", "/endless"), 3 << 20)))


def test_a_server_that_takes_its_time(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not keep a request open for ever, nor does silence."""
    over = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not over.wait(0.05):
                handler.wfile.write(b"x")
        except OSError:
            pass

    def silent(_: BaseHTTPRequestHandler) -> None:
        over.wait(20)

    servers.replies |= {"/slow": slow, "/silent": silent}
    monkeypatch.setattr(http, "_PATIENCE", 0.3)
    try:
        with pytest.raises(OSError, match="takes longer than"):
            http.request("GET", servers.url("http", "/slow"), {})
        monkeypatch.setattr(http, "_PATIENCE", 20.0)
        monkeypatch.setattr(http, "_SILENCE", 0.3)
        with pytest.raises(OSError, match="no answer for"):
            http.request("GET", servers.url("http", "/silent"), {})
    finally:
        over.set()


def test_reasons_are_words(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that ends early, an error status, something that is not HTTP, an untrusted certificate, a closed port."""
    servers.replies |= {"/cut": content(b"x" * 10, 100), "/gone": lambda handler: handler.send_error(410)}
    with pytest.raises(OSError, match="ended after 10 bytes"):
        list(http.chunks(servers.url("http", "/cut"), 1 << 20))
    assert http.request("GET", servers.url("http", "/gone"), {}).status == 410
    with pytest.raises(OSError, match="answers 410 Gone"):
        http.text_over_tls(servers.url("https", "/gone"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=lambda: other.accept()[0].sendall(b"SSH-2.0-x\r\n"), daemon=True).start()
        url = f"http://127.0.0.1:{other.getsockname()[1]}/"
        with pytest.raises(OSError, match="SSH-2"):
            http.request("GET", url, {})
    with pytest.raises(OSError, match="refused"):
        http.request("GET", url, {})
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(OSError, match="certificate is not trusted"):
        http.text_over_tls(servers.url("https", "/gone"))
    assert http.request("GET", servers.url("https", "/gone"), {}, str(servers.ca)).status == 410


def test_a_challenge() -> None:
    """Scheme and parameters, whatever else is in the header."""
    header = 'Bearer realm="https://a/b,c",service=r, odd'
    assert http.challenge(header) == ("bearer", {"realm": "https://a/b,c", "service": "r"})
    assert http.challenge("") == ("", {})
