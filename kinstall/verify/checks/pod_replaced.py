"""Whether a pod that is deleted is replaced, on the last node."""

from __future__ import annotations

import time

from kinstall.verify.check import ActiveCheck, Subject, Verdict, failed, passed, skipped
from kinstall.verify.program import Call
from kinstall.verify.workspace import Workspace, output, went_well

REPLACED_SECONDS = 40.0


def _run(workspace: Workspace) -> Verdict:
    if workspace.ground is None or not workspace.ground.spread:
        return skipped("no check pod of the Deployment is ready")
    workspace.stop_if_cancelled()
    started = time.monotonic()
    victim = list(workspace.ground.spread.values())[-1]
    deleted = workspace.ask([Call("checks/pod_replaced", ("delete_pod", workspace.namespace, victim.name))])
    if not went_well(deleted, "deleted"):
        return failed(f"{victim.name} could not be deleted: {output(deleted)}", node=victim.node)
    while True:
        now = workspace.look_at_pods()
        successor = now.spread.get(victim.node)
        seconds = time.monotonic() - started
        if successor and successor.name != victim.name:
            return passed(f"{successor.name} took the place of {victim.name}", seconds, victim.node)
        if seconds > REPLACED_SECONDS:
            why = now.reasons.get(victim.node, "no new pod was made")
            return failed(f"{victim.name} was deleted; {why}", seconds, node=victim.node)
        workspace.pause(0.2)


POD_REPLACED = ActiveCheck("pod replaced", Subject.LAST_NODE, _run)
