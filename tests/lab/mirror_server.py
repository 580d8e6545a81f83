"""The mirror's HTTP server: a process of its own, `python -m tests.lab.mirror_server SITE ADDRESS PORT LOG`.

Plain files with their length, kept-alive connections and sendfile; nothing that a download site would not do.
"""

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    site: Path
    log: Path
    _writing = threading.Lock()

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        path = (self.site / unquote(urlsplit(self.path).path).lstrip("/")).resolve()
        if not path.is_relative_to(self.site) or not path.is_file():
            self._head(404, 0)
            return
        with path.open("rb") as file:
            self._head(200, path.stat().st_size)
            if with_body:
                self.wfile.flush()
                self.connection.sendfile(file)

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its caller's name)
        line = f"{time.time():.3f} {self.client_address[0]} {format % args}\n"
        with self._writing, self.log.open("a") as file:
            file.write(line)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def serving(site: Path, address: str, port: int, log: Path) -> ThreadingHTTPServer:
    """A server that is bound and has yet to be told to serve."""
    handler = type("_BoundHandler", (_Handler,), {"site": site.resolve(), "log": log})
    return _Server((address, port), handler)


if __name__ == "__main__":
    serving(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])).serve_forever()
