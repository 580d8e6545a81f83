"""HTTP behind a firewall: a gateway without TLS or credentials in front of an API server that keeps both.

Kubernetes has had no insecure port since 1.24. What takes its place is `kubectl proxy` with a kubeconfig of its own as
a unit of each control plane, and a packet filter that admits the trusted networks only. exec and attach stay refused
by `kubectl proxy` (--reject-paths), as do requests with a Host header of somebody else (--accept-hosts).

What pods send would arrive under their node's address, which may well be a trusted one: so every node drops it before
it is masqueraded (assets/network/firewall.py), and the control plane once more by the pods' own addresses. The filter
is loaded before the gateway listens, and a gateway whose filter cannot be loaded does not start.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, collapse_addresses

from assets import paths, units
from assets.credentials.kubeconfigs import gateway_conf
from assets.credentials.pki import ClusterPki
from assets.rendered import Rendered, text
from kinstall.cluster import ClusterSpec, Node, ports

TABLE = "kinstall-gateway"
LOAD = f"nft -f {paths.GATEWAY_RULES}"
CHECK = f"nft list chain ip {TABLE} gateway 2>/dev/null | grep -q drop"
UNDO = f"nft delete table ip {TABLE} 2>/dev/null || true"
"""sh code to load, test and remove the gateway's filter on a control plane."""

GONE_CHECK = f"[ ! -e {paths.unit_file(paths.GATEWAY_UNIT)} ] && ! nft list table ip {TABLE} >/dev/null 2>&1"
GONE = f"""\
systemctl disable -q --now {paths.GATEWAY_UNIT} 2>/dev/null || :
rm -f {paths.unit_file(paths.GATEWAY_UNIT)} {paths.GATEWAY_CONF} {paths.GATEWAY_RULES}
systemctl daemon-reload
{UNDO}"""
"""sh code to test that a control plane has no gateway, and to take it away: for answers that went back to https."""


def is_wanted(spec: ClusterSpec) -> bool:
    return spec.security.mode == "http"


def trusted(spec: ClusterSpec) -> tuple[str, ...]:
    """The trusted networks, sorted and merged: overlapping elements are no set to nft."""
    return tuple(str(each) for each in collapse_addresses(IPv4Network(each) for each in spec.security.trusted_networks))


def gateway_files(spec: ClusterSpec, node: Node, pki: ClusterPki) -> tuple[Rendered, ...]:
    """What lies on a control plane; nothing in mode https and on workers."""
    if not is_wanted(spec) or not node.is_control_plane:
        return ()
    return (text(paths.GATEWAY_RULES, rules(spec, node)), gateway_conf(spec, node, pki), _unit(spec, node))


def rules(spec: ClusterSpec, node: Node) -> str:
    """The table, as `nft -f` takes it. It decides about the gateway's port only: no other connection can be cut."""
    admitted = "".join(f"        ip saddr {network} accept\n" for network in trusted(spec))
    return f"""\
#!/usr/sbin/nft -f
# kinstall: who may use the API without credentials. Pods never may, whatever network their addresses lie in.
table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
    chain input {{
        type filter hook input priority filter - 10; policy accept;
        ip daddr {node.internal_ip} tcp dport {ports.GATEWAY} jump gateway
    }}
    chain gateway {{
        ip saddr {spec.networking.pod_subnet} drop
{admitted}        drop
    }}
}}
"""


def accepted_hosts(spec: ClusterSpec, node: Node) -> str:
    """The Host headers that are answered, as a regular expression: a browser that was lured here sends others."""
    names = dict.fromkeys((node.internal_ip, spec.endpoint_host))
    return ",".join(f"^{re.escape(name)}$" for name in names)


def _unit(spec: ClusterSpec, node: Node) -> Rendered:
    proxy = (
        paths.KUBECTL_BIN,
        "proxy",
        f"--kubeconfig={paths.GATEWAY_CONF}",
        f"--address={node.internal_ip}",
        f"--port={ports.GATEWAY}",
        f"--accept-hosts={accepted_hosts(spec, node)}",
    )
    return units.unit(
        paths.unit_file(paths.GATEWAY_UNIT),
        {
            "Unit": (
                ("Description", "The Kubernetes API without TLS, for trusted networks"),
                ("Wants", "network-online.target"),
                ("After", "network-online.target nftables.service firewalld.service"),
                ("StartLimitIntervalSec", "0"),
            ),
            "Service": (
                ("ExecStartPre", LOAD),
                ("ExecStart", units.command_line(proxy)),
                ("Restart", "always"),
                ("RestartSec", "5"),
                # A second fence, where the kernel has one per unit: it stands even while all rules are flushed.
                ("IPAddressDeny", "any"),
                ("IPAddressAllow", " ".join(("localhost", node.internal_ip, *trusted(spec)))),
                ("NoNewPrivileges", "yes"),
                ("PrivateTmp", "yes"),
                ("ProtectSystem", "strict"),
                ("ProtectHome", "yes"),
            ),
            "Install": (("WantedBy", "multi-user.target"),),
        },
    )
