"""The mirror's HTTP server: a process of its own, `python -m tests.lab.mirror_server SITES ADDRESS PORT LOG`.

SITES is a folder of folders (or links to such): each is served as if its files lay at the root, and a new one is served
at once. Plain files with their length, kept-alive connections and sendfile; nothing that a download site would not do.
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
    sites: Path
    log: Path
    _writing = threading.Lock()

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        path = self._file(unquote(urlsplit(self.path).path).lstrip("/"))
        if path is None:
            self._head(404, 0)
            return
        with path.open("rb") as file:
            self._head(200, path.stat().st_size)
            if with_body:
                self.wfile.flush()
                self.connection.sendfile(file)

    def _file(self, name: str) -> Path | None:
        for site in sorted(self.sites.iterdir()):
            root = site.resolve()
            path = (root / name).resolve()
            if path.is_relative_to(root) and path.is_file():
                return path
        return None

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


def serving(sites: Path, address: str, port: int, log: Path) -> ThreadingHTTPServer:
    """A server that is bound and has yet to be told to serve."""
    handler = type("_BoundHandler", (_Handler,), {"sites": sites, "log": log})
    return _Server((address, port), handler)


if __name__ == "__main__":
    serving(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])).serve_forever()
