"""HTTP requests of the operator's machine, all of them. Proxies come from the environment, as curl's do (`HTTPS_PROXY`,
`NO_PROXY` …), and every failure is an OSError whose text is a reason people can read.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from kinstall import files
from kinstall.wording import LONGEST_WORDS, cut

_SILENCE = 15.0
"""Seconds without a byte after which a server is given up."""
_PATIENCE = 60.0
"""Seconds that a small answer may take altogether, with all redirects; of a file, in which _LEAST of it has to come. A
server that sends a byte now and then is not waited for."""
_LEAST = 60_000
_SMALL = 4 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` in lower case; `body` at most 4 MiB of it, empty for a HEAD and for an error status."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def request(method: str, url: str, headers: Mapping[str, str], ca_file: str = "") -> Response:
    """One request; redirects are followed, and an error status is a response. `ca_file`: PEM, the only CAs to trust.

    Raises:
        OSError: no response
    """
    try:
        with _opened(method, url, headers, ca_file) as response:
            body = _small(response, _SMALL) if method == "GET" else b""
            return Response(response.status, _lower(response.headers), body)
    except _Refused as refused:
        return refused.response


def text_over_tls(url: str, limit: int = 1 << 20) -> str:
    """A small text file of which every hop came over HTTPS.

    Raises:
        OSError: no text, a hop over plain HTTP, or more than `limit` bytes
    """
    with _opened("GET", url, tls_only=True) as response:
        content = _small(response, limit + 1)
    if len(content) > limit:
        raise OSError(f"it is larger than {limit >> 20} MiB")
    return content.decode("utf-8", "replace")


def chunks(url: str, limit: int) -> Iterator[bytes]:
    """The content of a file, piece by piece. Nothing vouches for it: the caller compares a digest.

    Raises:
        OSError: it ends early, or is larger than `limit` bytes
    """
    size = 0
    with _opened("GET", url) as response:
        needed = _LEAST
        while chunk := response.read1(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise OSError(f"it is larger than {limit >> 20} MiB")
            if size >= needed:
                response.watch.again()
                needed = size + _LEAST
            yield chunk
        _check_end(response, size)


def host(url: str) -> str:
    """The host of an address with its port, without a user and a password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def proxied(hosts: Iterable[str]) -> tuple[str, ...]:
    """Those hosts (with a port, perhaps) that this machine's environment says to reach through a proxy."""
    settings = urllib.request.getproxies_environment()
    if not settings.get("https") and not settings.get("all"):
        return ()
    return tuple(each for each in hosts if not urllib.request.proxy_bypass(each))


def challenge(header: str) -> tuple[str, dict[str, str]]:
    """A WWW-Authenticate header: its scheme in lower case, and its parameters (RFC 9110, 11.6.1)."""
    scheme, _, rest = header.partition(" ")
    pairs = [each for each in urllib.request.parse_http_list(rest) if each.partition("=")[2]]
    return scheme.lower(), urllib.request.parse_keqv_list(pairs)


class _Refused(OSError):
    """The server answered with an error status."""

    def __init__(self, response: Response, reason: str) -> None:
        super().__init__(f"the server answers {response.status} {reason}".strip())
        self.response = response


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows by HTTP and HTTPS only, and to another place without what lets us in at this one."""

    def __init__(self, tls_only: bool) -> None:
        self._schemes = ("https",) if tls_only else ("https", "http")

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        fp.close()  # urllib would read its body, however long it is
        _check_scheme(newurl, self._schemes, "it is redirected to plain HTTP")
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and _place(newurl) != _place(req.full_url):
            following.remove_header("Authorization")
        return following


class _Watch:
    """Ends the connections of a request once its time is over: of all that http.client waits for, lines of a header or
    of a chunk and answers before the answer, only the single byte has a limit."""

    def __init__(self) -> None:
        self.over = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(_PATIENCE, self._end)
        self._timer.start()

    def add(self, sock: socket.socket) -> None:
        self._sockets.append(sock)

    def again(self) -> None:
        """The time begins again."""
        self.stop()
        self._timer = threading.Timer(_PATIENCE, self._end)
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        self.over = True
        for sock in self._sockets:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # a TLS socket's own would not wake who reads it


def _handlers(watch: _Watch, context: ssl.SSLContext) -> tuple[urllib.request.BaseHandler, ...]:
    """Those of HTTP and HTTPS, whose connections `watch` ends."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            watch.add(self.sock)

    class Tls(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            watch.add(self.sock)

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Plain, req)

    class TlsHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Tls, req, context=context)

    return PlainHandler(), TlsHandler(context=context)


@contextmanager
def _opened(
    method: str, url: str, headers: Mapping[str, str] | None = None, ca_file: str = "", *, tls_only: bool = False
) -> Iterator[Any]:
    """An open response, with its `watch`. Whatever goes wrong, also while it is read, is raised as an OSError with a
    plain reason."""
    watch = _Watch()
    try:
        _check_scheme(url, ("https",) if tls_only else ("https", "http"), "it does not come over TLS")
        ca = files.read(ca_file, _SMALL).decode("utf-8", "replace") if ca_file else None
        context = ssl.create_default_context(cadata=ca)
        opener = urllib.request.build_opener(_Redirects(tls_only), *_handlers(watch, context))
        asked = urllib.request.Request(url, method=method, headers=dict(headers or {}))  # noqa: S310 - just checked
        with opener.open(asked, timeout=_SILENCE) as response:
            response.watch = watch
            yield response
            if watch.over:
                raise OSError
    except urllib.error.HTTPError as error:
        error.close()
        if error.code < 400:
            raise OSError(f"its redirect cannot be followed: {error.reason}".replace("\n", " ")) from None
        raise _Refused(Response(error.code, _lower(error.headers)), cut(str(error.reason), LONGEST_WORDS)) from None
    except http.client.IncompleteRead as error:
        if watch.over:
            raise OSError(_too_late()) from None
        raise OSError(f"the connection ended after {len(error.partial)} bytes") from None
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: an address that is not one
        raise OSError(_too_late() if watch.over else _reason(error)) from None
    finally:
        watch.stop()


def _too_late() -> str:
    return f"the answer takes longer than {_PATIENCE:.0f} seconds"


def _small(response: Any, limit: int) -> bytes:
    """At most `limit` bytes."""
    content = bytearray()
    while len(content) < limit and (chunk := response.read1(min(_CHUNK, limit - len(content)))):
        content += chunk
    if len(content) < limit:
        _check_end(response, len(content))
    return bytes(content)


def _check_end(response: Any, size: int) -> None:
    if response.length:  # what is left of Content-Length; http.client itself is silent about it
        raise OSError(f"the connection ended after {size} bytes")


def _check_scheme(url: str, schemes: tuple[str, ...], otherwise: str) -> None:
    scheme = urlsplit(url).scheme
    if scheme not in schemes:
        raise OSError(otherwise if scheme == "http" else f"{scheme or url!r} is not a scheme that can be fetched by")


def _place(url: str) -> tuple[str, str]:
    return urlsplit(url).scheme, host(url)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _reason(error: object) -> str:
    if isinstance(error, urllib.error.URLError):
        return _reason(error.reason)
    if isinstance(error, TimeoutError):
        return f"no answer for {_SILENCE:.0f} seconds"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return cut(str(getattr(error, "strerror", None) or error), LONGEST_WORDS) or type(error).__name__
