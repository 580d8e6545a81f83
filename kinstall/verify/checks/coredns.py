"""Whether the Deployment of CoreDNS has all its replicas."""

from __future__ import annotations

from kinstall.verify.check import LookCheck, LookView, Subject, Verdict, failed, passed
from kinstall.verify.objects import condition, flat, named


def _judge(view: LookView, node: str) -> Verdict:
    if view.objects is None:
        return failed(view.no_objects, may_pass=True)
    deployment = named(view.objects, "Deployment", "coredns")
    if deployment is None:
        return failed("there is no Deployment coredns in kube-system", may_pass=True)
    wanted = int(deployment.get("spec", {}).get("replicas", 1))
    available = int(deployment.get("status", {}).get("availableReplicas", 0))
    if wanted == 0:  # the Deployment calls itself available then
        return failed("the Deployment coredns is scaled to 0, so no name resolves in pods")
    if available < wanted:
        why = condition(deployment, "Progressing").get("message") or condition(deployment, "Available").get("message")
        return failed(flat(f"{available} of {wanted} replicas available: {why or ''}"), may_pass=True)
    return passed(f"{available} of {wanted} replicas available")


COREDNS = LookCheck("CoreDNS", Subject.CLUSTER, _judge)
