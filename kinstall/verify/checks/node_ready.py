"""Whether each node's kubelet and containerd run, and the API calls it Ready, with its pod range."""

from __future__ import annotations

from kinstall.verify.check import LookCheck, LookView, Subject, Verdict, failed, passed
from kinstall.verify.objects import condition, flat, named


def _judge(view: LookView, name: str) -> Verdict:
    reply, node = view.replies[name], view.spec.node(name)
    if reply.error:
        return failed(reply.error)
    if view.objects is None:
        return failed("the API does not answer", may_pass=True)
    # The Node object goes on saying Ready for 40 s.
    if down := "; ".join(f"{unit} {why}" for unit, why in reply.down.items() if unit in _UNITS):
        return failed(down)
    thing = named(view.objects, "Node", name)
    if thing is None:
        return failed("no Node object of that name: its kubelet has not registered", may_pass=True)
    ready = condition(thing, "Ready")
    if ready.get("status") != "True":
        return failed(flat(f"{ready.get('reason', 'no Ready condition')}: {ready.get('message', '')}"), may_pass=True)
    pod_cidr = thing.get("spec", {}).get("podCIDR", "")
    if not pod_cidr:
        return failed("the Node object has no podCIDR: its pods get no addresses", may_pass=True)
    if node.pod_cidr and pod_cidr != node.pod_cidr:
        return failed(f"podCIDR is {pod_cidr}, the answers say {node.pod_cidr}")
    version = thing.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")
    return passed(f"kubelet {version}, podCIDR {pod_cidr}")


_UNITS = ("kubelet.service", "containerd.service")
NODE_READY = LookCheck("node Ready", Subject.NODES, _judge)
