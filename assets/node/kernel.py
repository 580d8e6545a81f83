"""Kernel modules and settings a node needs, and those that Kubernetes' daemons change by themselves."""

from __future__ import annotations

from assets import paths
from assets.rendered import Rendered, text

MODULES = ("overlay", "br_netfilter", "nf_conntrack")
"""Loaded at boot; where they are built into the kernel there is nothing to load, which is not an error."""

SYSCTLS = {
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.bridge.bridge-nf-call-ip6tables": "1",
    "net.ipv4.ip_forward": "1",
}

SELF_WRITTEN_SYSCTLS = (
    # the kubelet
    "kernel.keys.root_maxbytes",
    "kernel.keys.root_maxkeys",
    "kernel.panic",
    "kernel.panic_on_oops",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    # kube-proxy; its buckets follow when it raises the maximum
    "net.ipv4.conf.all.route_localnet",
    "net.netfilter.nf_conntrack_buckets",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_tcp_be_liberal",
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
    "net.netfilter.nf_conntrack_udp_timeout",
    "net.netfilter.nf_conntrack_udp_timeout_stream",
)
"""Written by the kubelet and kube-proxy when they start: to be noted before that, for whoever undoes the install."""


def sysctl_file() -> Rendered:
    return text(paths.SYSCTL_FILE, "".join(f"{key} = {value}\n" for key, value in sorted(SYSCTLS.items())))


def modules_file(further: tuple[str, ...] = ()) -> Rendered:
    return text(paths.MODULES_FILE, "".join(f"{module}\n" for module in (*MODULES, *further)))
