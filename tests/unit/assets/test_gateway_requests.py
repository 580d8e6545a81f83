"""The plain-HTTP gateway: which requests it passes on, shown with the real HAProxy and the rendered configuration."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from assets.credentials.pki import ClusterPki, Leaf
from assets.network import gateway_config
from kinstall.cluster import ClusterSpec, Security
from tests.unit.assets import gateway_network
from tests.unit.assets.cluster import SPEC, pki_in

TRUSTED = "198.51.100.7"
JSON = ("Content-Type: application/json",)


def spec() -> ClusterSpec:
    """The network of the nodes is trusted too: they are not admitted all the same."""
    security = Security(mode="http", acknowledge_insecure=True, trusted_networks=("198.51.100.0/24", "192.0.2.0/24"))
    return replace(SPEC, security=security, control_plane_endpoint="api.example.org:6443")


@dataclass(frozen=True)
class Gateway:
    """A running gateway that is asked line by line."""

    program: subprocess.Popen[str]
    uids: list[int]

    def raw(self, request: str, source: str = TRUSTED, port: int = 8080) -> dict[str, Any]:
        assert self.program.stdin and self.program.stdout
        self.program.stdin.write(json.dumps({"source": source, "port": port, "request": request}) + "\n")
        self.program.stdin.flush()
        answer: dict[str, Any] = json.loads(self.program.stdout.readline())
        return answer

    def ask(
        self, line: str, *headers: str, host: str = "192.0.2.11:8080", body: str = "", source: str = TRUSTED
    ) -> dict[str, Any]:
        """`line` is METHOD and path; a body comes with its length."""
        length = [f"Content-Length: {len(body)}"] if body else []
        return self.raw("\r\n".join([f"{line} HTTP/1.1", f"Host: {host}", *headers, *length, "", body]), source)

    def passes(self, line: str, *headers: str, **more: str) -> dict[str, Any]:
        """The request as the API server got it; the test fails where it did not."""
        answer = self.ask(line, *headers, **more)
        assert answer["status"] == 200, answer
        reached: dict[str, Any] = json.loads(answer["body"] or "{}")
        return reached


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> ClusterPki:
    return pki_in(tmp_path_factory.mktemp("pki"), spec())


@pytest.fixture(scope="module")
def gateway(pki: ClusterPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    server, client = pki.leaf(Leaf.APISERVER, "cp1"), pki.leaf(Leaf.GATEWAY, "cp1")
    (folder / "haproxy.cfg").write_text(gateway_config.config(spec(), spec().nodes[0], str(folder), "v1"))
    (folder / "ca.crt").write_bytes(pki.ca.certificate_pem)
    (folder / "client.pem").write_bytes(client.certificate_pem + client.key_pem)
    (folder / "client.pem").chmod(0o600)
    (folder / "server.pem").write_bytes(server.certificate_pem + server.key_pem)
    needs = "root" if os.geteuid() != 0 else next((n for n in ("haproxy", "unshare") if not shutil.which(n)), "")
    if needs:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no gateway here: needs {needs}")
    command = ["unshare", "--net", sys.executable, gateway_network.__file__, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin and program.stdout
        first = program.stdout.readline()
        assert first, (folder / "haproxy.log").read_text()
        yield Gateway(program, json.loads(first)["uids"])
        program.stdin.close()
        program.wait(20)


def test_it_runs_as_nobody_else(gateway: Gateway) -> None:
    """Having read the key as root, every thread has a user of its own, and no way back."""
    assert gateway.uids == [gateway_config.UID] * 4


def test_the_api_server_sees_the_gateways_certificate(gateway: Gateway) -> None:
    """And from whom the request came; what the client claims about that is replaced."""
    reached = gateway.passes("GET /api/v1/pods?limit=5", "X-Forwarded-For: 1.2.3.4", "X-Real-Ip: 1.2.3.4")
    assert (reached["user"], reached["method"], reached["path"]) == ("kinstall-gateway", "GET", "/api/v1/pods?limit=5")
    assert reached["headers"]["x-forwarded-for"] == TRUSTED
    assert "x-real-ip" not in reached["headers"]


@pytest.mark.parametrize("source", ["192.0.2.11", "203.0.113.9", "10.244.1.5"])
def test_who_is_not_admitted_gets_no_answer(gateway: Gateway, source: str) -> None:
    """The node itself although its network is trusted, a stranger, a pod: this holds without any packet filter."""
    assert gateway.ask("GET /version", source=source)["status"] == 0
    assert gateway.ask("GET /version", source="192.0.2.50")["status"] == 200


PASSED = [
    "GET /version",
    "GET /",
    "GET /api/v1/namespaces/default/pods/web/log?follow=true",
    "HEAD /healthz",
    "DELETE /api/v1/namespaces/default/pods/web",
    # Names that look like what is refused, and one that has to be encoded.
    "GET /api/v1/namespaces/proxy/pods/exec",
    "GET /api/v1/nodes/proxy",
    "GET /apis/apps/v1/namespaces/exec/deployments/attach/status",
    "GET /apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
    "GET /apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
    "GET /api/v1/pods?fieldSelector=metadata.name%3Da%2Fexec&x=//../",
    "GET /api/v1/watch/namespaces/default/pods",
]


@pytest.mark.parametrize("line", PASSED)
def test_passed_on_unchanged(gateway: Gateway, line: str) -> None:
    """What API clients ask for, byte for byte."""
    reached = gateway.passes(line)
    if reached:
        assert f"{reached['method']} {reached['path']}" == line


REFUSED = [
    ("GET /api/v1/namespaces/default/pods/web/exec?command=id", 403),
    ("POST /api/v1/namespaces/default/pods/web/exec?command=id", 403),
    ("GET /api/v1/namespaces/default/pods/web/attach", 403),
    ("GET /api/v1/namespaces/default/pods/web/portforward", 403),
    ("GET /api/v1/namespaces/default/pods/web/proxy", 403),
    ("GET /api/v1/namespaces/default/pods/http:web:8080/proxy/shell?cmd=id", 403),
    ("GET /api/v1/namespaces/default/services/web/proxy/", 403),
    ("POST /api/v1/nodes/w1/proxy/run/default/web/web?cmd=id", 403),
    ("GET /api/v1/nodes/w1/proxy/exec/default/web/web?command=id", 403),
    ("GET /api/v1/nodes/https:w1:10250/proxy/pods", 403),
    ("GET /api/v1/nodes/w1/PROXY/pods", 403),
    ("GET /api/v1/proxy/nodes/w1/pods", 403),
    ("GET /apis/subresources.example.org/v1/namespaces/a/machines/b/portforward/22", 403),
    # The same, written so that only the API server would read it.
    ("GET /api/v1/nodes/w1/%70roxy/pods", 403),
    ("GET /api/v1/nodes/w1%2Fproxy/pods", 400),
    ("GET /api/v1/nodes/w1%2fproxy%2fpods", 400),
    ("GET /api/v1/nodes/w1%252Fproxy/pods", 400),
    ("GET /api/v1/nodes//w1/proxy/pods", 400),
    ("GET //api/v1/nodes/w1/proxy/pods", 400),
    ("GET /api/v1/nodes/w1//proxy/pods", 400),
    ("GET /api/v1/nodes/w1/./proxy/pods", 400),
    ("GET /api/v1/nodes/x/../w1/proxy/pods", 400),
    ("GET /api/v1/nodes/x/%2e%2E/w1/status", 400),
    ("GET /api/v1/nodes/w1%5Cproxy/pods", 400),
    ("GET /api/v1/nodes/w1\\proxy/pods", 400),
    ("GET /api/v1/nodes/w1%00/proxy", 400),
    ("GET /api/v1/nodes/w1/%zz", 400),
    ("GET /api/v1/nodes/w1/%7", 400),
    ("GET /api/v1/nodes/w1/%0d%0ax", 400),
    ("GET /api/v1/pods#/x", 400),
    ("GET http://192.0.2.11:8080/api/v1/nodes/w1/status", 400),
    ("GET api/v1/pods", 400),
    ("OPTIONS /api/v1/pods", 405),
    ("OPTIONS *", 400),
    ("TRACE /api/v1/pods", 405),
    ("PROPFIND /api/v1/pods", 405),
]


@pytest.mark.parametrize(("line", "status"), REFUSED, ids=[line for line, _ in REFUSED])
def test_refused_by_method_or_path(gateway: Gateway, line: str, status: int) -> None:
    """Whatever a mere GET could set in motion, and each way to write it otherwise."""
    assert gateway.ask(line)["status"] == status


def test_connect_is_refused(gateway: Gateway) -> None:
    """It names a host and not a path."""
    assert gateway.raw("CONNECT 192.0.2.11:6443 HTTP/1.1\r\nHost: 192.0.2.11:6443\r\n\r\n")["status"] in (400, 405)


HEADERS = [
    ("Origin: http://evil.example.org",),
    ("Origin: null",),
    ("Origin:",),
    ("oRiGiN: http://192.0.2.11:8080",),
    ("Sec-Fetch-Site: cross-site",),
    ("Sec-Fetch-Site: same-site",),
    ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"),
    ("Sec-Fetch-Site:",),
    (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
    ("Upgrade: SPDY/3.1",),
    ("Upgrade:",),
    ("Connection: keep-alive, Upgrade",),
    ("Sec-WebSocket-Key: AAAA",),
    ("Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
    ("User-Agent: kube-probe/1.37",),
    ("User-Agent: kube-lifecycle/1.37",),
    ("X_Remote_User: admin",),
]


@pytest.mark.parametrize("headers", HEADERS, ids=[" ".join(each) for each in HEADERS])
def test_refused_by_a_header(gateway: Gateway, headers: tuple[str, ...]) -> None:
    """What a web page's request has, what leads out of HTTP, what a kubelet asks for a pod; whatever is asked for."""
    assert gateway.ask("GET /version", *headers)["status"] == 403
    # HAProxy itself refuses a WebSocket by POST.
    assert gateway.ask("POST /api/v1/pods", *headers, *JSON, body="{}")["status"] in (400, 403)


def test_a_page_of_the_api_itself_may_ask(gateway: Gateway) -> None:
    """An address typed into a browser, where that sends Sec-Fetch-Site; and what comes back is no page that could
    run anything."""
    for site in ("none", "same-origin"):
        assert gateway.passes("GET /version", f"Sec-Fetch-Site: {site}")
    head = gateway.ask("GET /version")["head"]
    assert head["content-security-policy"] == "default-src 'none'; sandbox"
    assert head["x-content-type-options"] == "nosniff"
    assert head["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "host", ["192.0.2.11", "192.0.2.11:8080", "192.0.2.11:80", "cp1", "CP1:8080", "api.example.org"]
)
def test_its_own_names_are_answered(gateway: Gateway, host: str) -> None:
    """The node's address and name and the endpoint's, with any port: another may lead here."""
    assert gateway.passes("GET /version", host=host)


OTHER_HOSTS = ["evil.example.org", "192.0.2.12", "", "api.example.org.", "xapi.example.org", "192.0.2.11@evil.example",
               "evil.example.org, 192.0.2.11", "192.0.2.11, evil.example.org", "[::1]:8080", "192a0b2c11"]  # fmt: skip


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_other_names_are_not(gateway: Gateway, host: str) -> None:
    """A name that somebody pointed here."""
    assert gateway.ask("GET /version", host=host)["status"] in (400, 403)


def test_exactly_one_host(gateway: Gateway) -> None:
    """None and two are refused."""
    assert gateway.raw("GET /version HTTP/1.1\r\n\r\n")["status"] in (400, 403)
    assert gateway.raw("GET /version HTTP/1.0\r\n\r\n")["status"] in (400, 403)
    assert gateway.ask("GET /version", "Host: evil.example.org")["status"] in (400, 403)


@pytest.mark.parametrize("kind", gateway_config.CONTENT_TYPES)
def test_bodies_of_api_clients(gateway: Gateway, kind: str) -> None:
    """Each content type, in any case, with parameters; by each method that has a body."""
    for line in ("POST /api/v1/pods", "PUT /api/v1/pods/x", "PATCH /api/v1/pods/x", "DELETE /api/v1/pods/x"):
        reached = gateway.passes(line, f"Content-Type: application/{kind}", body="{}")
        assert (reached["size"], reached["method"]) == (2, line.split()[0])
    assert gateway.passes("POST /api/v1/pods", f"content-type: Application/{kind} ; charset=utf-8", body="{}")


OTHER_TYPES = [
    (),
    ("Content-Type:",),
    ("Content-Type: text/plain",),
    ("Content-Type: text/plain; application/json",),
    ("Content-Type: text/plain, application/json",),
    ("Content-Type: application/json, text/plain",),
    ("Content-Type: application/x-www-form-urlencoded",),
    ("Content-Type: multipart/form-data; boundary=application/json",),
    ("Content-Type: application/jsonx",),
    ("Content-Type: application/vndXkubernetesXprotobuf",),
    ("Content-Type: application/json", "Content-Type: text/plain"),
]


@pytest.mark.parametrize("headers", OTHER_TYPES, ids=[" ".join(each) or "none" for each in OTHER_TYPES])
def test_other_bodies_are_refused(gateway: Gateway, headers: tuple[str, ...]) -> None:
    """What a browser sends without asking first, with and without a body; and a body where none is usual."""
    for line in ("POST /api/v1/pods", "PUT /api/v1/pods/x", "PATCH /api/v1/pods/x"):
        assert gateway.ask(line, *headers)["status"] == 415
        assert gateway.ask(line, *headers, body="{}")["status"] == 415
    assert gateway.ask("DELETE /api/v1/pods/x", *headers, body="{}")["status"] == 415
    assert gateway.ask("GET /api/v1/pods/x", *headers, body="{}")["status"] == 415


def test_size_of_a_body(gateway: Gateway) -> None:
    """Up to what the API server takes itself; its length has to be said, once."""
    assert gateway.passes("POST /api/v1/pods", *JSON, body="x" * gateway_config.MAX_BODY)["size"] == 3 << 20
    head = "POST /api/v1/pods HTTP/1.1\r\nHost: 192.0.2.11\r\nContent-Type: application/json\r\n"
    assert gateway.raw(f"{head}Content-Length: {(3 << 20) + 1}\r\n\r\n")["status"] == 413
    chunked = f"{head}Transfer-Encoding: chunked\r\n"
    assert gateway.raw(f"{chunked}\r\n2\r\n{{}}\r\n0\r\n\r\n")["status"] == 411
    smuggled = "2\r\n{}\r\n0\r\n\r\nGET /api/v1/nodes/w1/proxy/pods HTTP/1.1\r\n\r\n"
    assert gateway.raw(f"{chunked}Content-Length: 4\r\n\r\n{smuggled}")["status"] in (400, 411)
    assert gateway.raw(f"{head}Content-Length: 2\r\nContent-Length: 44\r\n\r\n{{}}")["status"] == 400
    assert gateway.raw(f"{head}Transfer-Encoding: xchunked\r\n\r\n")["status"] in (400, 411, 501)


def test_nothing_but_http_1(gateway: Gateway) -> None:
    """No HTTP/2 by its preface: its rules for headers are others. No HTTP/0.9, no space within a header's name."""
    assert gateway.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")["status"] in (0, 400, 505)
    assert gateway.raw("GET /version\r\n\r\n")["status"] in (0, 400)
    assert gateway.ask("GET /version", "Origin : http://evil.example.org")["status"] == 400
    assert gateway.ask("GET /version", "X: y\r\n Origin: http://evil.example.org")["status"] == 200  # a folded line


def test_a_refusal_says_why(gateway: Gateway) -> None:
    """In the API's own form, so that kubectl shows the sentence."""
    told = json.loads(gateway.ask("GET /api/v1/namespaces/default/pods/web/exec")["body"])
    assert (told["kind"], told["status"], told["code"], told["reason"]) == ("Status", "Failure", 403, "Forbidden")
    assert told["message"].startswith("kinstall gateway: exec, attach, port-forward and proxy are refused here")
    assert "'s address" in json.loads(gateway.ask("GET /version", host="evil.example.org")["body"])["message"]


def test_health_says_nothing_more(gateway: Gateway) -> None:
    """On loopback, for the probes: alive, and ready since the API server is; with which files it runs."""
    expected = {"/livez": (200, ""), "/readyz": (200, "v1"), "/version": (503, ""), "/api/v1/secrets": (503, "")}
    for path, answered in expected.items():
        answer = gateway.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n", source="", port=10261)
        assert (answer["status"], answer["body"]) == answered, path
