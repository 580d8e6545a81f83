"""Whether kubectl prints the log of a pod on each node."""

from __future__ import annotations

from kinstall.verify.check import Place, PodCheck, PodView, Subject, Verdict, failed, passed
from kinstall.verify.manifest import LOG_LINE
from kinstall.verify.objects import flat


def _judge(view: PodView) -> Verdict:
    if view.head.field(3) == "0" and LOG_LINE in view.head.text:
        return passed(f"of pod {view.ground.spread[view.node].name}", view.seconds)
    return failed(flat(view.head.text) or "kubectl printed no line of the pod's log", view.seconds)


LOGS = PodCheck("kubectl logs", Subject.NODES, Place.LOGS, _judge)
