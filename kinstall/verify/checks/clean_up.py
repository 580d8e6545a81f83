"""Whether verify's own namespace goes again, with all that is in it."""

from __future__ import annotations

import time

from kinstall.errors import TransportError
from kinstall.verify.check import ActiveCheck, Subject, Verdict, failed, passed
from kinstall.verify.node import ask
from kinstall.verify.program import Call, program
from kinstall.verify.workspace import Workspace, output, went_well

CLEAN_UP_SECONDS = (15, 30)
RETRY_SECONDS = 2.0


def _run(workspace: Workspace) -> Verdict:
    """Also after the check was cancelled; through another control plane or once more where the first try fails."""
    started, why = time.monotonic(), ""
    others = [each.name for each in workspace.spec.control_planes if each.name in workspace.hosts]
    others = [name for name in others if name != workspace.front]
    words = ("remove_namespace", workspace.namespace, *map(str, CLEAN_UP_SECONDS))
    remove = program([Call("checks/clean_up", words)], kubectl=True)
    for turn, front in enumerate([workspace.front, *others, workspace.front]):
        if turn:
            time.sleep(RETRY_SECONDS)
        try:
            removed = ask(workspace.hosts[front], remove)
        except TransportError as error:
            why = error.what
            continue
        if went_well(removed, "removed"):
            return passed(f"namespace {workspace.namespace} is gone", time.monotonic() - started)
        why = output(removed)
    remedy = f"`kubectl delete namespace {workspace.namespace}` removes it"
    return failed(f"{why}; {remedy}", time.monotonic() - started)


CLEAN_UP = ActiveCheck("clean-up", Subject.CLUSTER, _run)
