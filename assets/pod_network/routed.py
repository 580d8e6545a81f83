"""Routes to the other nodes' pod ranges, and what keeps them: a list, a small script and a unit.

They have to survive a reboot (the unit), a link that goes down and comes back (the unit watches the link), and managers
of links: systemd-networkd drops routes it did not make when it restarts, unless its configuration says not to (the
drop-in); NetworkManager and ifupdown leave them as long as the link stays up.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from assets import paths, units
from assets.inputs import NodeInputs
from assets.pod_network.cni import BRIDGE
from assets.pod_network.shape import Keeper, PodNetwork
from assets.rendered import Rendered, text
from kinstall.cluster import ClusterSpec, Node

CHECK = f"{paths.ROUTES_SCRIPT} check"
RUN = f"{paths.ROUTES_SCRIPT} up"
UNDO = f"[ ! -x {paths.ROUTES_SCRIPT} ] || {paths.ROUTES_SCRIPT} down"
"""sh code to test, set and remove the routes on a node that has the files below."""


def routes(spec: ClusterSpec, node: Node, cidrs: Mapping[str, str]) -> list[tuple[str, str]]:
    """(pod range, node address) of every peer of `node` that `cidrs` (node name → range) names, in the spec's order."""
    peers = (peer for peer in spec.nodes if peer.name != node.name)
    return [(cidrs[peer.name], peer.internal_ip) for peer in peers if peer.name in cidrs]


def route_files(spec: ClusterSpec, node: Node, inputs: NodeInputs) -> tuple[Rendered, ...]:
    """The list, the script, the unit, and what makes systemd-networkd leave the routes alone."""
    lines = "".join(f"{cidr} {via}\n" for cidr, via in routes(spec, node, inputs.peers))
    script = files("assets.pod_network").joinpath("routes.sh").read_text()
    return (
        text(paths.ROUTES_LIST, f"# kinstall: pod range and address of every other node\n{lines}"),
        text(paths.ROUTES_SCRIPT, script, 0o755),
        units.unit(paths.NETWORKD_DROPIN, {"Network": (("ManageForeignRoutes", "no"),)}),
        _unit(),
    )


def _unit() -> Rendered:
    return units.unit(
        paths.unit_file(paths.ROUTES_UNIT),
        {
            "Unit": (
                ("Description", "Routes to the pods of other nodes"),
                ("Wants", "network-online.target"),
                ("After", "network-online.target systemd-networkd.service NetworkManager.service networking.service"),
                ("Before", paths.KUBELET_UNIT),
                ("StartLimitIntervalSec", "0"),
            ),
            "Service": (
                ("ExecStartPre", f"{paths.ROUTES_SCRIPT} up"),
                ("ExecStart", f"{paths.ROUTES_SCRIPT} watch"),
                ("Restart", "always"),
                ("RestartSec", "2"),
            ),
            "Install": (("WantedBy", "multi-user.target"),),
        },
    )


KEEPER = Keeper(
    what="routes",
    files=route_files,
    unit=paths.ROUTES_UNIT,
    unit_inputs=(paths.unit_file(paths.ROUTES_UNIT), paths.ROUTES_SCRIPT),
    inputs=(paths.ROUTES_LIST, paths.ROUTES_SCRIPT),
    networkd_inputs=(paths.NETWORKD_DROPIN,),
    check=CHECK,
    run=RUN,
    undo=UNDO,
    hop=lambda address, pod_cidr: address,
)

POD_NETWORK = PodNetwork(keeper=KEEPER, direct=True, links=(BRIDGE,))
