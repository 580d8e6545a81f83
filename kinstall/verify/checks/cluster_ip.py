"""Whether each node reaches a service at its cluster address."""

from __future__ import annotations

from collections.abc import Sequence

from kinstall.verify import manifest
from kinstall.verify.check import Place, PodCheck, PodQuestion, PodView, Subject, Verdict, failed, passed
from kinstall.verify.checks.kube_proxy import KUBE_PROXY
from kinstall.verify.inside_pod import SERVICE_TRIES, fetch, service_failures, slowest
from kinstall.verify.program import Call
from kinstall.wording import listed

_NAME = "ClusterIP"


def _asks(question: PodQuestion) -> Sequence[Call]:
    address = question.ground.cluster_ip  # kube-proxy picks another pod for each connection
    url = f"http://{address}:{manifest.SERVICE_PORT}"
    return [fetch(_NAME, f"{address} #{turn}", url, SERVICE_TRIES) for turn in range(1, 4)]


def _judge(view: PodView) -> Verdict:
    answers = view.answers(_NAME)
    if failures := service_failures(view, answers):
        return failed(failures, slowest(answers))
    nodes = {pod.name: pod.node for pod in view.ground.spread.values()}
    by = sorted({nodes[each.field(5)] for each in answers})
    return passed(f"{view.ground.cluster_ip} answered by {listed(by, 6)}", slowest(answers))


CLUSTER_IP = PodCheck(_NAME, Subject.NODES, Place.HOST, _judge, _asks, rests_on=(KUBE_PROXY.name,))
