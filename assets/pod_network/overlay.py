"""The overlay: pods' packets travel inside UDP (VXLAN, RFC 7348), so that nodes may stand in different subnets.

The kernel does all of it. Which node has which pods is planned, so nothing has to be learned or asked for: each node
gets a list, a small script that brings device, forwarding, neighbour and route entries in line with it, and a unit that
does so at boot. The layout is the one that flannel made known: a peer's pods are routed through the first address of
its range.
"""

from __future__ import annotations

from importlib.resources import files

from assets import paths, units
from assets.inputs import NodeInputs
from assets.pod_network.cni import BRIDGE
from assets.pod_network.shape import Keeper, PodNetwork
from assets.rendered import Rendered, text
from kinstall.cluster import ClusterSpec, Node, ports
from kinstall.cluster.subnets import nth, parse_address, parse_range

OVERHEAD = 50
"""Bytes: outer Ethernet, IPv4, UDP and VXLAN headers (RFC 7348, section 5)."""
ETHERNET = 1500


def device_mac(address: str) -> str:
    """The MAC of a node's device: locally administered, and unique because the address is."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x6B, *parse_address(address).packed))


def peers_of(spec: ClusterSpec, node: Node, inputs: NodeInputs) -> list[tuple[str, str, str]]:
    """(pod range, node address, device's MAC) of every peer whose range is planned, in the spec's order."""
    peers = (peer for peer in spec.nodes if peer.name != node.name and peer.name in inputs.peers)
    return [(inputs.peers[peer.name], peer.internal_ip, device_mac(peer.internal_ip)) for peer in peers]


def overlay_files(spec: ClusterSpec, node: Node, inputs: NodeInputs) -> tuple[Rendered, ...]:
    """The list, the script, the unit, and what keeps systemd-networkd away from the device."""
    mtu = inputs.mtu or ETHERNET - OVERHEAD
    own = ("own", inputs.pod_cidr, node.internal_ip, device_mac(node.internal_ip), str(mtu))
    lines = [own, *peers_of(spec, node, inputs)]
    return (
        text(
            paths.OVERLAY_LIST,
            "# kinstall: pod range, address and MAC of every node's end of the overlay\n"
            + "".join(" ".join(line) + "\n" for line in lines),
        ),
        text(paths.OVERLAY_SCRIPT, files("assets.pod_network").joinpath("overlay.sh").read_text(), 0o755),
        units.unit(
            paths.OVERLAY_NETWORK,
            {"Match": (("Name", paths.OVERLAY_DEVICE),), "Link": (("Unmanaged", "yes"),)},
        ),
        units.unit(
            paths.unit_file(paths.OVERLAY_UNIT),
            {
                "Unit": (
                    ("Description", "The overlay network between the nodes' pods"),
                    ("Wants", "network-pre.target"),
                    ("After", "systemd-modules-load.service network-pre.target"),
                    ("Before", paths.KUBELET_UNIT),
                ),
                "Service": (
                    ("Type", "oneshot"),
                    ("RemainAfterExit", "yes"),
                    ("ExecStart", RUN),
                    ("ExecReload", RUN),
                ),
                "Install": (("WantedBy", "multi-user.target"),),
            },
        ),
    )


CHECK = f"{paths.OVERLAY_SCRIPT} check"
RUN = f"{paths.OVERLAY_SCRIPT} up"
UNDO = f"[ ! -x {paths.OVERLAY_SCRIPT} ] || {paths.OVERLAY_SCRIPT} down"

KEEPER = Keeper(
    what="overlay",
    files=overlay_files,
    unit=paths.OVERLAY_UNIT,
    unit_inputs=(paths.unit_file(paths.OVERLAY_UNIT), paths.OVERLAY_SCRIPT),
    inputs=(paths.OVERLAY_LIST, paths.OVERLAY_SCRIPT),
    networkd_inputs=(paths.OVERLAY_NETWORK,),
    check=CHECK,
    run=RUN,
    undo=UNDO,
    hop=lambda address, pod_cidr: str(nth(parse_range(pod_cidr), 0)),
)

POD_NETWORK = PodNetwork(
    keeper=KEEPER,
    direct=False,
    modules=("vxlan",),
    overhead=OVERHEAD,
    udp_port=ports.VXLAN,
    links=(BRIDGE, paths.OVERLAY_DEVICE),
)
