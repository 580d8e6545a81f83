"""The plain-HTTP gateway on control planes: there in mode http, and taken away in mode https."""

from __future__ import annotations

from collections.abc import Mapping

from assets import catalog, paths
from assets.network import gateway
from assets.rendered import Rendered
from kinstall.cluster import ClusterSpec, Node
from kinstall.engine.steps import Script, Step, Unit
from kinstall.plan.node_inputs import as_files


def steps(spec: ClusterSpec, node: Node, files: Mapping[str, tuple[Rendered, ...]]) -> tuple[Step, ...]:
    if not node.is_control_plane:
        return ()
    if not gateway.is_wanted(spec):
        gone = (paths.unit_file(paths.GATEWAY_UNIT), paths.GATEWAY_CONF, paths.GATEWAY_RULES)
        return (Script("no plain-HTTP gateway", check=gateway.GONE_CHECK, run=gateway.GONE, removes=gone),)
    needs = (paths.unit_file(paths.GATEWAY_UNIT), paths.GATEWAY_RULES, paths.GATEWAY_CONF, paths.KUBECTL_BIN)
    return (
        *as_files(files[catalog.GATEWAY]),
        # Before the gateway listens; the unit loads it again at every start.
        Script(
            "gateway's filter", check=gateway.CHECK, run=gateway.LOAD, inputs=(paths.GATEWAY_RULES,), undo=gateway.UNDO
        ),
        Unit(paths.GATEWAY_UNIT, needs),
    )
