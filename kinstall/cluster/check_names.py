"""The names of preflight's checks, which `preflight.ignore` may hold. Data; the checks are in `kinstall/preflight/`."""

from __future__ import annotations

CHECK_NAMES = (
    # Of each node.
    *("root", "architecture", "systemd", "kernel", "cgroup", "cpu", "memory", "swap", "disk", "file-systems"),
    *("clock", "time-service", "tools", "nft", "modules", "sysctls", "boot-sysctls", "inotify", "selinux"),
    *("address", "neighbours", "default-route", "ranges", "max-pods", "ports", "resolver", "endpoint"),
    *("firewall", "forwarding", "proxies", "cluster", "leftovers", "cni-config", "container-runtime", "etcd"),
    # Of the nodes together.
    *("hostname", "machine-id", "mac", "product-uuid", "clock-skew", "nodes", "security", "pod-network"),
    # Of what is between them.
    "peers",
)
"""Each once, in the order in which findings are listed."""
