"""The packet filter of a node: pods reach the world outside under their node's address, and one another under their
own; and in mode http who may reach the plain-HTTP gateway.

One nftables table of kinstall's own; no other rules are read or changed. Loading is one transaction: there is no
moment without it. What accepts forwarded packets is not here: an accept in one table does not overrule a drop in
another, so preflight names a FORWARD policy that drops.

How the gateway's port is kept, where kube-proxy, the CNI's portmap and masquerading all rewrite addresses:

- No node forwards anything to it: not what its pods send, under whatever address, and not what a service, a node port
  or a host port turned around.
- On the control plane the port is not tracked (`notrack`). So nothing can be turned away from it: the nat chains of an
  external IP, a load balancer's address, a node port or a host port of the same number never see such a packet. And
  what is tracked was addressed to another place and turned here: it is dropped.
- No node of the cluster is admitted, whatever network it is in: under its address come its pods with hostNetwork, what
  it masquerades, its kubelet's probes, and what the API server's own proxy asks for.
"""

from __future__ import annotations

from shlex import quote

from assets import paths, units
from assets.rendered import Rendered, text
from kinstall.cluster import ClusterSpec, Node, ports
from kinstall.cluster.subnets import collapse, parse_range

TABLE = "kinstall"
LOAD = f"nft -f {paths.FIREWALL_RULES}"
UNDO = f"nft delete table ip {TABLE} 2>/dev/null || true"
"""sh code to load and remove the table on a node where the files below lie."""

GONE_CHECK = f"[ ! -e {paths.unit_file(paths.FIREWALL_UNIT)} ] && ! nft list table ip {TABLE} >/dev/null 2>&1"
GONE = f"""\
systemctl disable -q --now {paths.FIREWALL_UNIT} 2>/dev/null || :
rm -f {paths.unit_file(paths.FIREWALL_UNIT)} {paths.FIREWALL_RULES} {paths.NFTABLES_DROPIN}
systemctl daemon-reload
{UNDO}"""
"""sh code to test that a node has no such table, and to take it away: for answers that no longer want it."""


def _has(chain: str, word: str) -> str:
    return f"nft list chain ip {TABLE} {chain} 2>/dev/null | grep -q {quote(word)}"


MASQUERADE_CHECK = _has("postrouting", "masquerade")
"""sh code that tests whether the table masquerades."""


def gateway_check(node: Node) -> str:
    """sh code that tests whether the table keeps the gateway's port on this node, in mode http."""
    chains = {"forward": "drop"}
    if node.is_control_plane:
        chains |= {"untracked": "notrack", "untracked-output": "notrack", "input": "jump gateway", "gateway": "drop"}
    return " && ".join(_has(chain, word) for chain, word in chains.items())


def is_wanted(spec: ClusterSpec) -> bool:
    return spec.networking.masquerades or spec.security.mode == "http"


def firewall_files(spec: ClusterSpec, node: Node) -> tuple[Rendered, ...]:
    """The rules, their unit, and what loads them again after nftables.service flushed everything. Nothing where the
    answers turn masquerading off and there is no gateway to keep."""
    if not is_wanted(spec):
        return ()
    return (text(paths.FIREWALL_RULES, rules(spec, node)), _unit(), _nftables_dropin())


def trusted(spec: ClusterSpec) -> tuple[str, ...]:
    """The trusted networks, sorted and merged: overlapping elements are no set to nft."""
    return tuple(str(each) for each in collapse(parse_range(each) for each in spec.security.trusted_networks))


def node_addresses(spec: ClusterSpec) -> tuple[str, ...]:
    """The addresses under which the nodes reach one another, in the order of the answers."""
    return tuple(node.internal_ip for node in spec.nodes)


def rules(spec: ClusterSpec, node: Node) -> str:
    """The table, as `nft -f` takes it: the empty one first, so that deleting it cannot fail.

    Packets to the node's own addresses never come to the postrouting hook. The local check is for those that a
    service's rules turned around. The addresses of services are gone by then: replaced by those of pods.
    """
    chains = _masquerade(spec.networking.pod_subnet) if spec.networking.masquerades else ""
    if spec.security.mode == "http":
        chains += _nothing_forwarded(spec) + (_gateway(spec, node) if node.is_control_plane else "")
    return f"""\
#!/usr/sbin/nft -f
# kinstall: what pods send out of the cluster leaves under the node's address.
table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
{chains}}}
"""


def _masquerade(pods: str) -> str:
    return f"""\
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr != {pods} return
        ip daddr {{ {pods}, 224.0.0.0/4 }} return
        fib daddr type {{ local, broadcast }} return
        masquerade fully-random
    }}
"""


def _nothing_forwarded(spec: ClusterSpec) -> str:
    planes = ", ".join(node.internal_ip for node in spec.control_planes)
    return f"""\
    chain forward {{
        type filter hook forward priority filter - 10; policy accept;
        ip daddr {{ {planes} }} tcp dport {ports.GATEWAY} drop
    }}
"""


def _gateway(spec: ClusterSpec, node: Node) -> str:
    """Who may use the API without credentials. It decides about the gateway's port only: no other connection can be
    cut."""
    port = f"ip daddr {node.internal_ip} tcp dport {ports.GATEWAY}"
    admitted = "".join(f"        ip saddr {network} accept\n" for network in trusted(spec))
    return f"""\
    chain untracked {{
        type filter hook prerouting priority raw; policy accept;
        {port} notrack
    }}
    chain untracked-output {{
        type filter hook output priority raw; policy accept;
        {port} notrack
        ip saddr {node.internal_ip} tcp sport {ports.GATEWAY} notrack
    }}
    chain input {{
        type filter hook input priority filter - 10; policy accept;
        {port} jump gateway
    }}
    chain gateway {{
        ct state != untracked drop
        ip saddr {spec.networking.pod_subnet} drop
        ip saddr {{ {", ".join(node_addresses(spec))} }} drop
{admitted}        drop
    }}
"""


def _unit() -> Rendered:
    return units.unit(
        paths.unit_file(paths.FIREWALL_UNIT),
        {
            "Unit": (
                ("Description", "Masquerading of what pods send out of the cluster"),
                ("Wants", "network-pre.target"),
                ("After", "nftables.service firewalld.service"),
                ("Before", f"{paths.KUBELET_UNIT} {paths.KUBE_PROXY_UNIT}"),
            ),
            "Service": (
                ("Type", "oneshot"),
                ("RemainAfterExit", "yes"),
                ("ExecStart", LOAD),
                ("ExecReload", LOAD),
                ("ExecStop", f"-nft delete table ip {TABLE}"),
            ),
            "Install": (("WantedBy", "multi-user.target"),),
        },
    )


def _nftables_dropin() -> Rendered:
    # Distributions' nftables.service flushes everybody's tables, kube-proxy's too, when it starts, reloads or stops.
    # A unit that is part of it would stay down after "stop" and "start".
    again = (f"-{LOAD}", f"-systemctl --no-block try-restart {paths.KUBE_PROXY_UNIT}")
    verbs = ("ExecStartPost", "ExecReload", "ExecStopPost")
    return units.unit(paths.NFTABLES_DROPIN, {"Service": [(verb, what) for verb in verbs for what in again]})
