"""Whether each node's pod resolves a name of the cluster, to the right address."""

from __future__ import annotations

from collections.abc import Sequence

from kinstall.verify.check import Place, PodCheck, PodQuestion, PodView, Subject, Verdict, failed, passed
from kinstall.verify.checks.coredns import COREDNS
from kinstall.verify.checks.kube_proxy import KUBE_PROXY
from kinstall.verify.inside_pod import NO_ANSWER, dns_answer, resolve
from kinstall.verify.program import Call

_NAME = "DNS inside"


def _asks(question: PodQuestion) -> Sequence[Call]:
    return [resolve(_NAME, f"kubernetes.default.svc.{question.spec.networking.dns_domain}")]


def _judge(view: PodView) -> Verdict:
    record = view.answer(_NAME)
    if record is None:
        return failed(NO_ANSWER)
    answer, expected, seconds = dns_answer(record), view.spec.networking.api_service_ip, record.seconds(3, 4)
    if not answer.status:
        return failed(f"{answer.name}: {answer.error}", seconds)
    if answer.addresses == (expected,):
        return passed(f"{answer.name} is {expected}", seconds)
    what = ", ".join(answer.addresses) or answer.status
    return failed(f"{answer.name}: CoreDNS says {what}, not {expected}", seconds)


DNS_INSIDE = PodCheck(_NAME, Subject.NODES, Place.POD, _judge, _asks, rests_on=(KUBE_PROXY.name, COREDNS.name))
