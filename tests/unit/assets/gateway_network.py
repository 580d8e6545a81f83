"""A program of the tests' own: HAProxy with a rendered configuration before a small HTTPS server, on a loopback device
that has the addresses of the control plane, of trusted hosts, and of others.

    unshare --net python gateway_network.py FOLDER <requests

FOLDER holds haproxy.cfg and what it reads, and server.pem. It reads JSON objects, one a line, {source, port, request}
(the request's bytes in latin-1), and answers each with one: {status, head, body}. The HTTPS server demands a client
certificate and answers with what reached it. Status 0: the connection was closed without an answer.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ADDRESSES = ("192.0.2.11", "192.0.2.50", "198.51.100.7", "203.0.113.9", "10.244.1.5")
PLANE = "192.0.2.11"


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, at once
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        assert isinstance(self.connection, ssl.SSLSocket)
        certificate: Any = self.connection.getpeercert()
        subject = dict(pair[0] for pair in certificate["subject"])
        told = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "size": len(body),
            "user": subject["commonName"],
        }
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        pass


def _serve(folder: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "server.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer((PLANE, 6443), _Api)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def ask(source: str, port: int, request: bytes) -> dict[str, object]:
    """One connection with one request."""
    try:
        with socket.create_connection(
            (PLANE if port == 8080 else "127.0.0.1", port), 5, (source, 0) if source else None
        ) as connection:
            connection.sendall(request)
            data = b""
            while b"\r\n\r\n" not in data and (more := connection.recv(65536)):
                data += more
            head, _, body = data.partition(b"\r\n\r\n")
            fields = [line.partition(":") for line in head.decode("latin-1").lower().split("\r\n")[1:]]
            headers = {name: value.strip() for name, _, value in fields}
            size = 0 if request.startswith(b"HEAD ") else int(headers.get("content-length", 0))
            while len(body) < size and (more := connection.recv(65536)):
                body += more
    except OSError:
        return {"status": 0, "head": {}, "body": ""}
    status = int(head.split(b" ")[1]) if head else 0
    return {"status": status, "head": headers, "body": body.decode("latin-1")}


def main() -> None:
    folder = Path(sys.argv[1])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in ADDRESSES:
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
    _serve(folder)
    with (
        (folder / "haproxy.log").open("wb") as log,
        subprocess.Popen(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], stdout=log, stderr=log) as gateway,
    ):
        try:
            ready = b"GET /readyz HTTP/1.0\r\n\r\n"
            limit = time.monotonic() + 20
            while ask("", 10261, ready)["status"] != 200 and gateway.poll() is None and time.monotonic() < limit:
                time.sleep(0.05)
            uids = Path(f"/proc/{gateway.pid}/status").read_text().partition("Uid:")[2].split("\n")[0].split()
            print(json.dumps({"uids": [int(each) for each in uids]}), flush=True)
            for line in sys.stdin:
                wanted = json.loads(line)
                print(
                    json.dumps(ask(wanted["source"], wanted["port"], wanted["request"].encode("latin-1"))), flush=True
                )
        finally:
            gateway.terminate()


if __name__ == "__main__":
    main()
