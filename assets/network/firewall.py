"""Masquerade: pods reach the world outside under their node's address, and one another under their own.

One nftables table of kinstall's own; no other rules are read or changed. Loading is one transaction: there is no
moment without it. What accepts forwarded packets is not here: an accept in one table does not overrule a drop in
another, so preflight names a FORWARD policy that drops.
"""

from __future__ import annotations

from assets import paths, units
from assets.rendered import Rendered, text
from kinstall.cluster import ClusterSpec, ports

TABLE = "kinstall"
LOAD = f"nft -f {paths.FIREWALL_RULES}"
UNDO = f"nft delete table ip {TABLE} 2>/dev/null || true"
"""sh code to load and remove the table on a node that has the files below."""

GONE_CHECK = f"[ ! -e {paths.unit_file(paths.FIREWALL_UNIT)} ] && ! nft list table ip {TABLE} >/dev/null 2>&1"
GONE = f"""\
systemctl disable -q --now {paths.FIREWALL_UNIT} 2>/dev/null || :
rm -f {paths.unit_file(paths.FIREWALL_UNIT)} {paths.FIREWALL_RULES} {paths.NFTABLES_DROPIN}
systemctl daemon-reload
{UNDO}"""
"""sh code to test that a node has no such table, and to take it away: for answers that no longer want it."""


def check(spec: ClusterSpec) -> str:
    """sh code that tests whether the table does what the answers want of it."""
    wanted = {
        "postrouting": ("masquerade", spec.networking.masquerades),
        "forward": ("drop", spec.security.mode == "http"),
    }
    return " && ".join(
        f"nft list chain ip {TABLE} {chain} 2>/dev/null | grep -q {word}"
        for chain, (word, is_wanted) in wanted.items()
        if is_wanted
    )


def is_wanted(spec: ClusterSpec) -> bool:
    return spec.networking.masquerades or spec.security.mode == "http"


def firewall_files(spec: ClusterSpec) -> tuple[Rendered, ...]:
    """The rules, their unit, and what loads them again after nftables.service flushed everything. Nothing where the
    answers turn masquerading off and nothing is to be kept from pods."""
    if not is_wanted(spec):
        return ()
    return (text(paths.FIREWALL_RULES, rules(spec)), _unit(), _nftables_dropin(spec))


def rules(spec: ClusterSpec) -> str:
    """The table, as `nft -f` takes it: the empty one first, so that deleting it cannot fail.

    Packets to the node's own addresses never come to this hook. The local check is for those that a service's rules
    turned around. The addresses of services are gone by then: replaced by those of pods.
    """
    pods = spec.networking.pod_subnet
    chains = "".join((_masquerade(pods) if spec.networking.masquerades else "", _no_gateway(spec)))
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


def _no_gateway(spec: ClusterSpec) -> str:
    """What keeps pods from the plain-HTTP gateway, where they still have their own addresses, and everybody who comes
    through a service that leads there (who would appear to be this node). It is in the table that masquerades: whoever
    flushes one has flushed the other as well."""
    if spec.security.mode != "http":
        return ""
    planes = ", ".join(node.internal_ip for node in spec.control_planes)
    return f"""\
    chain forward {{
        type filter hook forward priority filter - 10; policy accept;
        ip saddr {spec.networking.pod_subnet} ip daddr {{ {planes} }} tcp dport {ports.GATEWAY} drop
        ct status dnat ip daddr {{ {planes} }} tcp dport {ports.GATEWAY} drop
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


def _nftables_dropin(spec: ClusterSpec) -> Rendered:
    # Distributions' nftables.service flushes everybody's tables, kube-proxy's too, when it starts, reloads or stops.
    # A unit that is part of it would stay down after "stop" and "start".
    again = [f"-{LOAD}", f"-systemctl --no-block try-restart {paths.KUBE_PROXY_UNIT}"]
    if spec.security.mode == "http":
        again.append(f"-systemctl --no-block try-restart {paths.GATEWAY_UNIT}")  # it loads its rules when it starts
    verbs = ("ExecStartPost", "ExecReload", "ExecStopPost")
    return units.unit(paths.NFTABLES_DROPIN, {"Service": [(verb, what) for verb in verbs for what in again]})
