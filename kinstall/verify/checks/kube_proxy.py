"""Whether each node's kube-proxy runs and calls itself healthy."""

from __future__ import annotations

from collections.abc import Sequence

from assets.node.kube_proxy import HEALTH_ADDRESS
from kinstall.cluster import ClusterSpec, Node, ports
from kinstall.verify.check import LookCheck, LookQuestion, LookView, Subject, Verdict, failed, passed
from kinstall.verify.objects import flat
from kinstall.verify.program import Call
from kinstall.verify.records import first_of


def health_url(spec: ClusterSpec, node: Node) -> str:
    """Where kube-proxy serves its health, as the answers may say in `components.kubeProxy.config`."""
    address = str(spec.components_of(node).kube_proxy.over({}).get("healthzBindAddress") or HEALTH_ADDRESS)
    host, _, port = address.rpartition(":") if ":" in address else (address, "", str(ports.KUBE_PROXY_HEALTH))
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '', '[::]') else host}:{port}/healthz"  # noqa: S104


def _asks(question: LookQuestion) -> Sequence[Call]:
    return [Call("checks/kube_proxy", ("call_kube_proxy", health_url(question.spec, question.node)))]


def _judge(view: LookView, node: str) -> Verdict:
    reply = view.replies[node]
    if reply.error:
        return failed(reply.error)
    if down := reply.down.get("kube-proxy.service"):
        return failed(f"kube-proxy.service {down}")
    health = first_of(reply.records, "healthz")
    if health is None:
        return passed("kube-proxy.service is active")
    seconds = health.seconds(1, 2)
    body, _, code = health.text.rstrip("\n").rpartition("\n")
    if code == "200":
        return passed("healthy", seconds)
    if code == "unknown":
        return passed("kube-proxy.service is active (no curl or wget to ask for its health)")
    return failed(f"its health check says: {flat(body or code)}", seconds, may_pass=True)


KUBE_PROXY = LookCheck("kube-proxy", Subject.NODES, _judge, _asks)
