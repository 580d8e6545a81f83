"""Whether the API answers under the address that everybody uses, asked on the control plane that lists the objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kinstall.verify.check import LookCheck, LookQuestion, LookView, Subject, Verdict, failed
from kinstall.verify.checks import api_server
from kinstall.verify.program import Call
from kinstall.verify.records import of_kind


def _asks(check: str, path: str) -> Callable[[LookQuestion], Sequence[Call]]:
    def asks(question: LookQuestion) -> Sequence[Call]:
        return [api_server.call(check, f"https://{question.spec.endpoint}/{path}")] if question.front else ()

    return asks


def _judge(check: str) -> Callable[[LookView, str], Verdict]:
    def judge(view: LookView, node: str) -> Verdict:
        planes = [view.replies[plane.name] for plane in view.spec.control_planes]
        answers = [each for reply in planes for each in of_kind(reply.records, "api") if each.field(1) == check]
        if not answers:
            return failed("no control plane could be asked to try it", may_pass=True)
        return api_server.verdict(answers[-1])  # where the first could not list the objects, the next one was asked

    return judge


LIVEZ, READYZ = (
    LookCheck(name, Subject.CLUSTER, _judge(name), _asks(name, path))
    for name, path in (("endpoint livez", "livez"), ("endpoint readyz", "readyz"))
)
