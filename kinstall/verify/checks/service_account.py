"""Whether the API accepts the token that each node's pod has, at the address of the service `kubernetes`."""

from __future__ import annotations

from collections.abc import Sequence

from kinstall.verify.check import Place, PodCheck, PodQuestion, PodView, Subject, Verdict, failed, passed
from kinstall.verify.checks.kube_proxy import KUBE_PROXY
from kinstall.verify.inside_pod import NO_ANSWER, why
from kinstall.verify.program import Call


def _asks(question: PodQuestion) -> Sequence[Call]:
    return [Call("checks/service_account", ("call_with_token", question.spec.networking.api_service_ip))]


def _judge(view: PodView) -> Verdict:
    record = view.answer("token")
    if record is None:
        return failed(NO_ANSWER)
    seconds = record.seconds(3, 4)
    if record.field(2) == "0" and record.field(5) == "200":
        return passed("the API accepts a pod's token", seconds)
    if record.field(2) == "0":
        return failed(f"the API answers a pod's token with HTTP {record.field(5)}", seconds)
    return failed(f"the service kubernetes: {why(record)}", seconds)


SERVICE_ACCOUNT = PodCheck("service account", Subject.NODES, Place.POD, _judge, _asks, rests_on=(KUBE_PROXY.name,))
