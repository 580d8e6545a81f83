"""Whether kubectl starts a program in a pod on each node. The other checks in pods need it."""

from __future__ import annotations

from kinstall.verify.check import Place, PodCheck, PodView, Subject, Verdict, failed, passed
from kinstall.verify.objects import flat


def _judge(view: PodView) -> Verdict:
    if view.began:
        return passed(f"in pod {view.ground.spread[view.node].name}", view.seconds)
    return failed(flat(view.head.text) or f"exit status {view.head.field(3)}", view.seconds)


EXEC = PodCheck("kubectl exec", Subject.NODES, Place.EXEC, _judge)
