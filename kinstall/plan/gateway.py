"""The plain-HTTP gateway on control planes: there in mode http, and taken away in mode https."""

from __future__ import annotations

from assets import catalog, paths
from assets.network import gateway
from kinstall.cluster import ClusterSpec, Node
from kinstall.diagnosis.explain import crash_loop_program, diagnose_program
from kinstall.engine.steps import Directory, Script, Step, Wait
from kinstall.plan.node_inputs import Files, Inputs, as_files


def earlier(spec: ClusterSpec, node: Node) -> tuple[Step, ...]:
    """Before the gateway comes: what an earlier version had on its port goes. In mode https `steps` removes both."""
    if not node.is_control_plane or not gateway.is_wanted(spec):
        return ()
    return (
        Script(
            "no kubectl proxy",
            check=gateway.FORMER_GONE_CHECK,
            run=gateway.FORMER_GONE,
            removes=gateway.FORMER_FILES,
        ),
    )


def steps(inputs: Inputs, node: Node, files: Files) -> tuple[Step, ...]:
    if not node.is_control_plane:
        return ()
    if not gateway.is_wanted(inputs.spec):
        return (Script("no plain-HTTP gateway", check=gateway.GONE_CHECK, run=gateway.GONE, removes=gateway.REMOVED),)
    return (
        Directory(paths.GATEWAY_FOLDER),
        *as_files(files[catalog.GATEWAY]),
        Wait(
            "the gateway answers",
            check=gateway.answers_check(inputs.spec, node, inputs.pki),
            timeout=180,
            diagnose=diagnose_program(("kubelet.service", "containerd.service"), (gateway.NAME,), api=True),
            interval=0.5,
            hopeless=crash_loop_program({gateway.NAME: "haproxy"}),
        ),
    )
