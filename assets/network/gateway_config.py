"""haproxy.cfg of the plain-HTTP gateway: which requests it passes on, and what it says to the others.

Behind it every request is the administrator's. So it must not pass on what somebody else can make a trusted machine
send: a web page (its browser adds Origin, and cannot choose Content-Type or open anything but a WebSocket without
asking first), a kubelet (probes and hooks of any pod), a name that was pointed here. Over plain HTTP a browser sends
no Sec-Fetch headers, and a GET carries no Origin: whatever a mere GET could set in motion inside the cluster is
refused by its path.

Valid for HAProxy 2.6 to 3.2; nothing experimental is used. Paths are not rewritten: what the API server could read in
two ways is refused, and the rules look at the path as the API server will decode it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from assets.network.firewall import node_addresses, trusted
from kinstall.cluster import ClusterSpec, Node, ports

UID = 61080
"""User and group of the running gateway. systemd's table of user numbers leaves 60578 to 61183 unused, so no account
of the node has it: not `nobody`, under whose name other daemons run as well."""

MAX_CONNECTIONS = 1000
MAX_BODY = 3 << 20
"""Bytes: what the API server itself takes as a request's body."""

CONTENT_TYPES = (
    "json",
    "yaml",
    "apply-patch+yaml",
    "merge-patch+json",
    "json-patch+json",
    "strategic-merge-patch+json",
    "vnd.kubernetes.protobuf",
)
"""What API clients send, below `application/`. A browser sends none of them for a page without asking first."""

_TYPES = "|".join(CONTENT_TYPES).replace("+", "[+]").replace(".", "[.]")
_CHARACTER = "([A-Za-z0-9._~!$&()*+,;=:@-]|%[0-9A-Fa-f][0-9A-Fa-f])"
_STREAMS = "exec|attach|portforward|proxy"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Requests that are not passed on. `acls`: lines of which one is enough; `when`: a condition over ACLs, by default
    `name`. The client reads the message as kubectl shows it."""

    name: str
    status: int
    reason: str
    message: str
    acls: tuple[str, ...]
    when: str = ""

    def render(self) -> str:
        answer = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": f"kinstall gateway: {self.message}",
            "reason": self.reason,
            "code": self.status,
        }
        acls = "".join(f"    acl {self.name} {acl}\n" for acl in self.acls)
        # Between single quotes HAProxy takes everything as it is, except a single quote.
        body = json.dumps(answer, separators=(",", ":")).replace("'", r"\u0027")
        reply = f"content-type application/json string '{body}'"
        return f"{acls}    http-request return status {self.status} {reply} if {self.when or self.name}\n"


REFUSALS = (
    Refusal(
        "from_a_page",
        403,
        "Forbidden",
        "requests with an Origin header come from a web page",
        ("req.fhdr_cnt(origin) gt 0",),
    ),
    Refusal(
        "fetched_by_a_page",
        403,
        "Forbidden",
        "Sec-Fetch-Site says that another site asks",
        ("req.fhdr_cnt(sec-fetch-site) gt 0",),
        "fetched_by_a_page !{ req.fhdr_cnt(sec-fetch-site) eq 1 } or "
        "fetched_by_a_page !{ req.fhdr(sec-fetch-site) -m str same-origin none }",
    ),
    Refusal(
        "from_a_kubelet",
        403,
        "Forbidden",
        "kubelets ask for pods, which are not admitted",
        ("req.hdr(user-agent) -m sub -i kube-probe kube-lifecycle",),
    ),
    Refusal(
        "ambiguous",
        400,
        "BadRequest",
        "the path is empty in places, relative, or encodes a slash, dot, percent or control character",
        (
            "url -m sub -- '#'",
            "path,url_dec -m reg (^|/)[.][.]?(/|$)",
            "path -m reg -i %(2f|5c|2e|25|7f|[01][0-9a-f])",
        ),
        f"ambiguous or !{{ url -m beg / }} or !{{ path -m reg ^(/{_CHARACTER}+)*/?$ }}",
    ),
    Refusal(
        "into_a_node",
        403,
        "Forbidden",
        "exec, attach, port-forward and proxy are refused here: use a kubeconfig, which kinstall kubeconfig prints",
        (
            rf"path,url_dec -m reg -i ^/(api|apis/[^/]+)/[^/]+/(namespaces/[^/]+/)?[^/]+/[^/]+/({_STREAMS})(/|$)",
            # The API's oldest form, with the verb in front.
            r"path,url_dec -m reg -i ^/(api|apis/[^/]+)/[^/]+/proxy(/|$)",
        ),
    ),
    Refusal(
        "upgraded",
        403,
        "Forbidden",
        "connections that become something else than HTTP are refused here: use a kubeconfig",
        (
            "req.fhdr_cnt(upgrade) gt 0",
            "req.fhdr_cnt(http2-settings) gt 0",
            "req.fhdr_cnt(sec-websocket-key) gt 0",
            "req.hdr(connection) -m str -i upgrade",
        ),
    ),
    Refusal(
        "known_method",
        405,
        "MethodNotAllowed",
        "only GET, HEAD, POST, PUT, PATCH and DELETE are passed on",
        ("method GET HEAD POST PUT PATCH DELETE",),
        "!known_method",
    ),
    Refusal(
        "of_unknown_length",
        411,
        "BadRequest",
        "a body needs its length in Content-Length",
        ("req.fhdr_cnt(transfer-encoding) gt 0",),
    ),
    Refusal(
        "too_large",
        413,
        "RequestEntityTooLarge",
        "a body may have 3 MiB, as at the API server",
        (f"req.hdr_val(content-length) gt {MAX_BODY}",),
    ),
    Refusal(
        "with_body",
        415,
        "UnsupportedMediaType",
        f"a body needs one Content-Type of these, below application/: {', '.join(CONTENT_TYPES)}",
        ("method POST PUT PATCH", "req.hdr_val(content-length) gt 0"),
        "with_body !{ req.fhdr_cnt(content-type) eq 1 } or "
        f"with_body !{{ req.fhdr(content-type) -m reg -i ^application/({_TYPES})[[:blank:]]*(;.*)?$ }}",
    ),
)


def accepted_hosts(spec: ClusterSpec, node: Node) -> tuple[str, ...]:
    """The Host headers that are answered, with any port: a browser that was lured here sends another one."""
    return tuple(dict.fromkeys((node.internal_ip, node.name, spec.endpoint_host)))


def config(spec: ClusterSpec, node: Node, folder: str, version: str) -> str:
    """The configuration; `folder` holds ca.crt and client.pem, which are read before root's rights are given up.
    `version` is what /readyz answers: so it can be told whether a gateway with these very files runs."""
    return f"""\
# kinstall: the Kubernetes API without TLS, for trusted networks.
global
    log stdout format raw daemon info
    maxconn {MAX_CONNECTIONS}
    uid {UID}
    gid {UID}
    # Otherwise another process of root, such as a pod with hostNetwork, could listen on the same port.
    noreuseport
    # The images' stop signal asks it to wait until the last watch has ended.
    hard-stop-after 2s

defaults
    mode http
    log global
    option httplog
    option dontlognull
    option clitcpka
    option srvtcpka
    option http-no-delay
    option disable-h2-upgrade
    option http-restrict-req-hdr-names reject
    timeout connect 5s
    timeout queue 30s
    timeout http-request 10s
    timeout http-keep-alive 60s
    # A watch or a log that is followed may be silent for long.
    timeout client 4h
    timeout server 4h

frontend gateway
    bind {node.internal_ip}:{ports.GATEWAY}
{_sources(spec)}\
{_hosts(accepted_hosts(spec, node))}\
{"".join(each.render() for each in REFUSALS)}\
    http-request set-header X-Forwarded-For %[src]
    http-request del-header X-Real-Ip
    # What a pod wrote and the API hands on (logs, annotations) must not run as a page of this site.
    http-after-response set-header Content-Security-Policy "default-src 'none'; sandbox"
    http-after-response set-header X-Content-Type-Options nosniff
    http-after-response set-header Cross-Origin-Resource-Policy same-origin
    default_backend apiserver

frontend health
    bind 127.0.0.1:{ports.GATEWAY_HEALTH}
    no log
    http-request return status 200 if {{ path /livez }}
    http-request return status 200 content-type text/plain string {version} if {{ path /readyz }} \
{{ nbsrv(apiserver) ge 1 }}
    http-request return status 503

backend apiserver
    option httpchk GET /readyz
    default-server check inter 2s fall 3 rise 1
    default-server ssl verify required verifyhost kubernetes ca-file {folder}/ca.crt crt {folder}/client.pem
    default-server alpn http/1.1 ssl-min-ver TLSv1.2
    server apiserver {node.internal_ip}:{ports.API_SERVER}
"""


def _sources(spec: ClusterSpec) -> str:
    """The packet filter's decision once more, which holds while somebody has flushed all rules."""
    sources = {
        "pod": (spec.networking.pod_subnet,),
        "node": node_addresses(spec),
        "trusted": trusted(spec),
    }
    lines = [f"    acl {name} src {network}\n" for name, networks in sources.items() for network in networks]
    return "".join(lines) + "    tcp-request connection reject if pod or node or !trusted\n"


def _hosts(names: Sequence[str]) -> str:
    hosts = Refusal(
        "own_name",
        403,
        "Forbidden",
        "the Host header is not this node's address or name, or the endpoint's",
        tuple(f"req.fhdr(host),host_only -m str -i {name}" for name in names),
        "!own_name or !{ req.fhdr_cnt(host) eq 1 }",
    )
    return hosts.render()
