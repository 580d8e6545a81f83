"""Whether each node reaches a service at its port on every node."""

from __future__ import annotations

from collections.abc import Sequence

from kinstall.verify.check import Place, PodCheck, PodQuestion, PodView, Subject, Verdict, failed, passed
from kinstall.verify.checks.kube_proxy import KUBE_PROXY
from kinstall.verify.inside_pod import SERVICE_TRIES, fetch, service_failures, slowest
from kinstall.verify.program import Call
from kinstall.wording import listed

_NAME = "NodePort"


def _asks(question: PodQuestion) -> Sequence[Call]:
    port = question.ground.node_port
    return [fetch(_NAME, node.name, f"http://{node.internal_ip}:{port}", SERVICE_TRIES) for node in question.spec.nodes]


def _judge(view: PodView) -> Verdict:
    answers = view.answers(_NAME)
    if failures := service_failures(view, answers):
        return failed(failures, slowest(answers))
    nodes = sorted(each.field(1) for each in answers)
    return passed(f"port {view.ground.node_port} of {listed(nodes, 6)}", slowest(answers))


NODE_PORT = PodCheck(_NAME, Subject.NODES, Place.HOST, _judge, _asks, rests_on=(KUBE_PROXY.name,))
