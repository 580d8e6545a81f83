"""The only place that knows the order in which a cluster comes up.

A plan is pure data: the same spec, PKI, pod ranges and facts give the same plan. One module per few phases; this one
puts them into their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kinstall.cluster import Node
from kinstall.engine.steps import After, Phase, Plan, Scope, Step
from kinstall.plan import addons, downloads, kubernetes, prepare
from kinstall.plan.node_inputs import Inputs, NodeFound, node_files

PHASES = ("prepare", "download", "runtime", "images", "kubernetes", "control-plane", "network", "addons")


def build_plan(inputs: Inputs) -> Plan:
    """The whole installation as phases of steps."""
    spec = inputs.spec
    every, planes = spec.nodes, spec.control_planes
    files = {node.name: node_files(inputs, node) for node in every}
    first = planes[0].name

    def phase(name: str, nodes: Sequence[Node], steps: Mapping[str, tuple[Step, ...]], *after: After) -> Phase:
        return Phase(name, {node.name: steps[node.name] for node in nodes}, after)

    return Plan(
        phases=(
            phase("prepare", every, {n.name: prepare.steps(inputs, n, files[n.name]) for n in every}),
            phase("download", every, {n.name: downloads.downloads(inputs, n) for n in every}, After("prepare")),
            phase(
                "runtime", every, {n.name: downloads.runtime(spec, n, files[n.name]) for n in every}, After("download")
            ),
            phase("images", every, {n.name: downloads.images(inputs, n) for n in every}, After("runtime")),
            phase(
                "kubernetes",
                every,
                {n.name: kubernetes.kubelets(inputs, n, files[n.name]) for n in every},
                After("images"),
            ),
            Phase("control-plane", {first: kubernetes.control_plane(inputs)}, (After("kubernetes"),)),
            phase(
                "network",
                every,
                {n.name: addons.network(inputs, n, files[n.name]) for n in every},
                After("kubernetes"),
                After("control-plane", Scope.ALL),
            ),
            # A worker that failed must not keep the others from getting their DNS.
            Phase("addons", {first: addons.addons(inputs)}, (After("network", Scope.SETTLED),)),
        ),
        nodes={node.name: node.role for node in spec.nodes},
    )


__all__ = ["PHASES", "Inputs", "NodeFound", "build_plan", "node_files"]
