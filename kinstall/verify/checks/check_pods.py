"""Whether a check pod of each kind becomes ready on every node: the other checks with pods run in them."""

from __future__ import annotations

import time

from kinstall.cluster import ClusterSpec
from kinstall.verify import manifest
from kinstall.verify.check import ActiveCheck, Subject, Verdict, failed, passed
from kinstall.verify.ground import Ground
from kinstall.verify.program import Call
from kinstall.verify.workspace import Workspace, output, went_well

PODS_SECONDS = 90.0
HOPELESS_SECONDS = 20.0
_HOPELESS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerError", "CrashLoopBackOff")


def _run(workspace: Workspace) -> Verdict:
    started = time.monotonic()
    create = Call("checks/check_pods", ("create_objects", *workspace.stale))
    created = workspace.ask([create], manifest.manifest(workspace.spec, workspace.namespace))
    if not went_well(created, "created"):
        return failed(f"could not be created: {output(created)}")
    workspace.ground = _wait(workspace, started + PODS_SECONDS)
    return _verdict(workspace.spec, workspace.ground, time.monotonic() - started)


def _wait(workspace: Workspace, deadline: float) -> Ground:
    """The pods once all are ready, or as they are at the deadline or when waiting is of no use."""
    hopeless_at = time.monotonic() + HOPELESS_SECONDS
    while True:
        ground = workspace.look_at_pods()
        now = time.monotonic()
        hopeless = all(node in workspace.down or _is_hopeless(why) for node, why in ground.reasons.items())
        if not ground.reasons or now > deadline or (hopeless and now > hopeless_at):
            return ground
        workspace.pause(0.2)


def _is_hopeless(why: str) -> bool:
    return any(word in why for word in _HOPELESS)


def _verdict(spec: ClusterSpec, ground: Ground, seconds: float) -> Verdict:
    if not ground.reasons:
        return passed(f"ready on {len(spec.nodes)} of {len(spec.nodes)} nodes", seconds)
    nodes: dict[str, list[str]] = {}
    for node in spec.nodes:
        if node.name in ground.reasons:
            nodes.setdefault(ground.reasons[node.name], []).append(node.name)
    return failed(" | ".join(f"{', '.join(names)}: {why}" for why, names in nodes.items()), seconds)


CHECK_PODS = ActiveCheck("check pods", Subject.CLUSTER, _run)
