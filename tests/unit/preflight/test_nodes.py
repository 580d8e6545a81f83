"""Preflight of one node: for each check an answer that passes and answers that do not, with cause and remedy."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from kinstall.cluster import (
    CONTROL_PLANE,
    WORKER,
    ClusterSpec,
    ComponentOverrides,
    Components,
    Networking,
    Node,
    Preflight,
)
from kinstall.facts.boot_sysctls import BootSysctl
from kinstall.facts.model import Link, Listener, Mount, NodeFacts, Route, Space, SystemdUnit
from kinstall.facts.parse import facts_program, parse
from kinstall.findings import Finding, Severity
from kinstall.preflight.checks import NODE_CHECKS
from kinstall.preflight.checks.storage import ROOM
from kinstall.preflight.judge import check_node

NAMES = [check.name for check in NODE_CHECKS]
OK, WARNING, ERROR = Severity.OK, Severity.WARNING, Severity.ERROR
GIB = 1 << 30
LINES = (Path(__file__).parents[1] / "facts" / "recorded" / "debian12.txt").read_text().splitlines()
# The recorded host, on a network with a name server and with cgroup v2: nothing to complain about.
GOOD = replace(parse(LINES), cgroup_version=2, nameservers=("192.0.2.53",), sysctls={"net/ipv4/ip_forward": True})
NODES = (
    Node(name="cp1", address="10.90.0.11", role=CONTROL_PLANE),
    Node(name="w1", address="10.90.0.12", role=WORKER),
)
SPEC = ClusterSpec(cluster_name="demo", nodes=NODES)
OWN = {"cluster": "demo", "node": "cp1", "caFingerprint": "aa"}


def kubelet(**config: Any) -> ClusterSpec:
    return replace(SPEC, components=Components(kubelet=ComponentOverrides(config=config)))


def networking(**changes: Any) -> ClusterSpec:
    return replace(SPEC, networking=Networking(**changes))


def look(
    facts: NodeFacts = GOOD,
    spec: ClusterSpec = SPEC,
    *,
    node: int = 0,
    clock: tuple[float, float] | None = None,
    ca: str = "",
) -> list[Finding]:
    return check_node(spec, spec.nodes[node], facts, clock or (facts.clock - 0.1, facts.clock + 0.1), ca)


def of(check: str, findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.check == check]


def listening(*ports: int, process: str = "nginx") -> Mapping[str, Any]:
    return {"listeners": tuple(Listener("tcp", "0.0.0.0", port, process) for port in ports)}


def unit(name: str, *, active: bool = True, drop_ins: tuple[str, ...] = ()) -> Mapping[str, Any]:
    known = SystemdUnit(f"{name}.service", active, True, f"/lib/systemd/system/{name}.service", drop_ins)
    return {"units": {f"{name}.service": known}}


def modules(**states: str) -> Mapping[str, Any]:
    return {"modules": {**GOOD.modules, **states}, "module_tree": "yes"}


def space(path: str, free: int) -> Mapping[str, Any]:
    return {"spaces": (Space("/", 100 * GIB, 50 * GIB), Space(path, 5 * GIB, free))}


def mount(path: str, kind: str, *options: str) -> Mapping[str, Any]:
    return {"mounts": (Mount("/", "ext4", ("rw",)), Mount(path, kind, options))}


def boot(*settings: str) -> Mapping[str, Any]:
    """`FILE KEY VALUE` each, applied in this order."""
    words = (text.split() for text in settings)
    return {"boot_sysctls": tuple(BootSysctl(path, 3, key, value) for path, key, value in words)}


def said(**lines: str) -> Mapping[str, Any]:
    """Lines of the program, under keys with _ for -; several lines with a comma between."""
    return {"lines": {key.replace("_", "-"): tuple(text.split(",")) for key, text in lines.items()}}


def looked_up(status: int, *addresses: str) -> Mapping[str, Any]:
    return {"lines": {"endpoint-lookup": (str(status),), "endpoint-address": addresses}}


def route(destination: str, via: str = "", device: str = "eth0", table: str = "main") -> Mapping[str, Any]:
    return {"routes": (*GOOD.routes, Route(IPv4Network(destination), device, via, table))}


def pods_address(device: str) -> Mapping[str, Any]:
    """A node of this cluster, where that link has an address of podSubnet."""
    return {"cluster": OWN, "addresses": (*GOOD.addresses, (device, IPv4Interface("10.244.0.0/32")))}


def test_good_host_passes_every_check() -> None:
    """On a fit host each check says ok, in the table's order, and none is left out."""
    findings = look()
    assert [finding.message for finding in findings if finding.severity is not OK] == []
    assert [finding.check for finding in findings] == NAMES
    assert all(finding.node == "cp1" and finding.message for finding in findings)


# (check, what is different on the host, severity, words of message or remedy)
CASES: list[tuple[str, Mapping[str, Any], Severity, str]] = [
    ("architecture", {"architecture": "riscv64"}, ERROR, "riscv64"),
    ("systemd", {"init": "openrc-init"}, ERROR, "openrc-init"),
    ("systemd", {"systemd_version": 239}, WARNING, "239 is older than 244"),
    ("kernel", {"kernel": "5.10.0-32-amd64"}, ERROR, "proxyMode: iptables"),
    ("kernel", {"kernel": "4.18.0-553.el8"}, ERROR, "older than 5.13"),
    ("cgroup", {"cgroup_version": 1}, ERROR, "failCgroupV1: false"),
    ("cgroup", {"controllers": frozenset({"cpu", "cpuset", "pids"})}, ERROR, "cgroup_enable=memory"),
    ("cpu", {"cpus": 1}, ERROR, "1 CPU; a control plane needs 2"),
    ("memory", {"memory": 1699}, ERROR, "1699 MiB of memory; a control plane needs 1700"),
    ("swap", {"swaps": ("/dev/sda2",)}, ERROR, "swap is on (/dev/sda2)"),
    (
        "disk",
        space("/var/lib", GIB),
        ERROR,
        "/var/lib/kubelet, /var/lib/etcd (on /var/lib); together they need 4.0 GiB, better 8.0 GiB",
    ),
    (
        "disk",
        space("/var/lib", 7 * GIB),
        WARNING,
        "7.0 GiB free for /var/lib/containerd, /var/lib/kubelet, /var/lib/etcd",
    ),
    ("disk", space("/var/lib/containerd", 3 * GIB), WARNING, "4.0 GiB would be good"),
    ("disk", space("/var/lib/etcd", 10 << 20), ERROR, "10 MiB free for /var/lib/etcd"),
    ("disk", {"spaces": (Space("/", 100 * GIB, 9 * GIB),)}, WARNING, "DiskPressure"),
    ("file-systems", mount("/usr", "squashfs", "ro"), ERROR, "/usr/local/bin is read-only"),
    ("file-systems", mount("/opt", "ext4", "rw", "noexec"), ERROR, "remount,exec /opt"),
    ("file-systems", mount("/var/lib", "nfs4", "rw"), ERROR, "/var/lib/containerd is on nfs4, where container images"),
    ("file-systems", mount("/var/lib", "nfs4", "rw"), WARNING, "/var/lib/kubelet is on nfs4"),
    ("file-systems", mount("/var/lib", "nfs4", "rw"), WARNING, "/var/lib/etcd is on nfs4"),
    ("file-systems", mount("/var/lib/containerd", "ecryptfs", "rw"), ERROR, "overlayfs does not stack on it"),
    ("file-systems", mount("/var/lib/containerd", "overlay", "rw"), ERROR, "overlayfs does not stack on it"),
    ("file-systems", mount("/var/lib/containerd", "fuse.glusterfs", "rw"), ERROR, "it lacks what overlayfs needs"),
    ("file-systems", mount("/var/lib/containerd", "fuseblk", "rw"), ERROR, "it lacks what overlayfs needs"),
    ("file-systems", mount("/var/lib/containerd", "tmpfs", "rw"), WARNING, "images take memory"),
    ("file-systems", mount("/var/lib/containerd", "zfs", "rw"), WARNING, "ZFS of an unknown version"),
    (
        "file-systems",
        {**mount("/var/lib/containerd", "zfs", "rw"), "lines": {"/sys/module/zfs/version": ("2.1.11-1",)}},
        ERROR,
        "is on ZFS 2.1, where container images cannot be unpacked",
    ),
    ("file-systems", mount("/var/lib/kubelet", "ecryptfs", "rw"), ERROR, "failed to get rootfs info"),
    ("file-systems", mount("/var/lib/kubelet", "fuse.sshfs", "rw"), ERROR, "failed to get rootfs info"),
    ("file-systems", mount("/var/lib/etcd", "tmpfs", "rw"), ERROR, "gone after a reboot"),
    ("file-systems", mount("/var/lib/etcd", "fuse", "rw"), WARNING, "/var/lib/etcd is on fuse"),
    (
        "file-systems",
        said(dangling="/var/lib/kubelet /var/lib/kubelet"),
        ERROR,
        "/var/lib/kubelet is a link to something that is not there",
    ),
    ("file-systems", said(dangling="/opt/cni/bin /opt"), ERROR, "not there, and so is /opt/cni/bin"),
    ("clock", {"clock": 0.0}, WARNING, "did not print the time"),
    ("time-service", {"virtualisation": "kvm"}, WARNING, "no service sets the clock"),
    ("tools", {"tools": GOOD.tools - {"nft", "flock"}}, ERROR, "apt-get install util-linux nftables"),
    ("tools", {"tools": GOOD.tools - {"ip"}, "os_id": "rocky"}, ERROR, "dnf install iproute"),
    ("tools", {"tools": GOOD.tools - {"gzip"}, "os_id": "exotic"}, ERROR, "install gzip there"),
    ("tools", {"tools": GOOD.tools - {"curl"}}, WARNING, "neither curl nor wget"),
    ("nft", {"nft_version": (0, 9, 8)}, ERROR, "0.9.8 is older than 1.0.1"),
    ("nft", {"nft_usable": False}, ERROR, "no nf_tables"),
    ("modules", modules(br_netfilter="missing"), ERROR, "has no module br_netfilter"),
    ("modules", {**modules(overlay="missing"), "module_tree": "other"}, ERROR, "reboot"),
    ("modules", modules(bridge="blocked"), ERROR, "/etc/modprobe.d"),
    ("modules", {**modules(veth="loadable"), "tools": GOOD.tools - {"modprobe"}}, ERROR, "without modprobe"),
    ("sysctls", {"sysctls": {"net/ipv4/ip_forward": False}}, ERROR, "net.ipv4.ip_forward cannot be written"),
    ("sysctls", {"sysctls": {"net/netfilter/nf_conntrack_max": False}}, WARNING, "maxPerCore: 0"),
    (
        "boot-sysctls",
        boot("/etc/sysctl.d/99-sysctl.conf net/bridge/bridge-nf-call-iptables 0"),
        ERROR,
        "line 3, sets net.bridge.bridge-nf-call-iptables to 0 at every boot, after /etc/sysctl.d/90-kinstall.conf;",
    ),
    ("boot-sysctls", boot("/usr/lib/sysctl.d/99-x.conf net/ipv4/ip_forward 0"), ERROR, "no packet of a pod leaves"),
    ("inotify", {"lines": {"/proc/sys/fs/inotify/max_user_instances": ("128",)}}, WARNING, "max_user_instances = 512"),
    ("selinux", {"selinux_enforcing": True}, WARNING, "container-selinux"),
    ("address", {"addresses": (("eth1", IPv4Interface("192.0.2.9/24")),)}, ERROR, "it has 192.0.2.9 on eth1"),
    ("neighbours", {"routes": GOOD.routes[:1]}, ERROR, "w1 (10.90.0.12: via 10.90.0.1)"),
    ("neighbours", {"routes": ()}, ERROR, "w1 (10.90.0.12: no route)"),
    ("default-route", {"routes": GOOD.routes[1:]}, ERROR, "10.96.0.0/16"),
    (
        "ranges",
        {"addresses": (*GOOD.addresses, ("br0", IPv4Interface("10.244.7.1/24")))},
        ERROR,
        "10.244.7.1/24 of br0",
    ),
    ("ranges", route("10.96.4.0/24", "10.90.0.7"), ERROR, "serviceSubnet 10.96.0.0/16 contains"),
    ("ranges", pods_address("flannel.1"), ERROR, "podSubnet 10.244.0.0/16 contains 10.244.0.0/32 of flannel.1"),
    ("ranges", route("10.244.0.0/16", device="wg0", table="51820"), ERROR, "podSubnet"),
    ("ranges", route("10.0.0.0/8", device="wg0"), WARNING, "serviceSubnet 10.96.0.0/16 is inside 10.0.0.0/8"),
    ("ports", listening(6443, 10250), ERROR, "6443 (kube-apiserver) by nginx, 10250 (kubelet) by nginx"),
    ("ports", listening(31000), WARNING, "31000 (nginx)"),
    ("resolver", {"nameservers": ()}, WARNING, "no name server, so CoreDNS is not set up to forward"),
    ("resolver", {"nameservers": ("127.0.0.1",)}, WARNING, "in a loop"),
    ("resolver", {"nameservers": ("0.0.0.0",)}, WARNING, "(0.0.0.0: in a pod that is the pod itself)"),
    ("resolver", {"nameservers": ("fe80::1%eth0",)}, WARNING, "(fe80::1%eth0: only the node's own link knows it)"),
    ("resolver", {"nameservers": ("169.254.20.10",)}, WARNING, "169.254.20.10, a link-local address"),
    ("resolver", {"nameservers": ("10.96.0.10",)}, WARNING, "(10.96.0.10: it is inside the cluster's own ranges)"),
    ("resolver", {"nameservers": ("10.244.1.9", "192.0.2.53")}, WARNING, "remove 10.244.1.9 from it"),
    ("firewall", unit("firewalld"), WARNING, "firewalld is active"),
    (
        "firewall",
        unit("firewalld"),
        WARNING,
        "TCP 6443, 10250, 10256 and 30000-32767, and the pod range 10.244.0.0/16 pass",
    ),
    ("firewall", unit("firewalld"), WARNING, "--zone=trusted --add-source=10.244.0.0/16"),
    ("firewall", {"ufw": True}, WARNING, "ufw is active"),
    (
        "firewall",
        {"ufw": True},
        WARNING,
        "`ufw allow 6443,10250,10256,30000:32767/tcp`, `ufw allow from 10.244.0.0/16`",
    ),
    ("firewall", {"ufw": True}, WARNING, "shows under peers which of them it drops"),
    (
        "firewall",
        {"drop_policies": (("input", "iptables filter, chain INPUT"),)},
        WARNING,
        "TCP 6443, 10250, 10256 and 30000-32767, and the pod range 10.244.0.0/16 pass; `kinstall preflight` shows",
    ),
    ("firewall", {"drop_policies": (("input", "table inet filter, chain input"),)}, WARNING, "table inet filter"),
    ("forwarding", {"drop_policies": (("forward", "table ip filter, chain FORWARD"),)}, ERROR, "10.244.0.0/16"),
    ("proxies", {"proxies": {"HTTP_PROXY": "http://p:3128"}}, WARNING, "also for 10.90.0.11"),
    (
        "proxies",
        said(proxy_file="/etc/apt/apt.conf.d/95proxy,/etc/systemd/system.conf"),
        WARNING,
        "/etc/apt/apt.conf.d/95proxy, /etc/systemd/system.conf name a proxy; containerd's unit does not read it",
    ),
    ("cluster", {"cluster": {"cluster": "other"}}, ERROR, "belongs to the cluster other"),
    ("cluster", {"cluster": {}}, ERROR, "unreadable"),
    ("cluster", {"cluster": {**OWN, "node": "w9"}}, ERROR, "known to the cluster as w9"),
    ("cluster", {"cluster": {**OWN, "format": 2}}, ERROR, "is of format 2, and this kinstall reads up to format 1"),
    ("leftovers", {"paths": ("/etc/kubernetes/manifests/etcd.yaml",)}, ERROR, "manifests/etcd.yaml"),
    ("leftovers", {"paths": ("/var/lib/etcd/member",)}, ERROR, "kubeadm reset"),
    ("leftovers", {"links": (*GOOD.links, Link("flannel.1", "", 1450))}, ERROR, "flannel.1"),
    ("leftovers", {"chains": frozenset({"KUBE-SERVICES"})}, ERROR, "chain KUBE-SERVICES"),
    ("leftovers", {"chains": frozenset({"KUBE-KUBELET-CANARY", "KUBE-FIREWALL"})}, WARNING, "KUBE-FIREWALL"),
    ("cni-config", {"paths": ("/etc/cni/net.d/87-podman.conflist",)}, ERROR, "87-podman.conflist"),
    ("container-runtime", unit("docker"), ERROR, "docker is already running"),
    ("container-runtime", unit("containerd"), ERROR, "containerd is already running"),
    ("container-runtime", {"paths": ("/usr/bin/containerd",)}, WARNING, "/usr/bin/containerd is installed"),
    ("container-runtime", unit("kubelet", active=False, drop_ins=("/x/10-kubeadm.conf",)), ERROR, "10-kubeadm.conf"),
]


NAMED = replace(SPEC, control_plane_endpoint="api.example.com:6443")
# The same where other answers are needed for it.
ANSWERED: list[tuple[ClusterSpec, str, Mapping[str, Any], Severity, str]] = [
    (networking(pod_network="overlay"), "modules", modules(vxlan="missing"), ERROR, "has no module vxlan"),
    (networking(pod_network="overlay"), "modules", modules(vxlan="blocked"), ERROR, "vxlan may not be loaded"),
    (networking(pod_network="overlay"), "firewall", unit("firewalld"), WARNING, "and 30000-32767, UDP 8472"),
    (networking(node_cidr_mask_size=28), "max-pods", {}, WARNING, "takes 110 pods, and a node's range of /28 holds 13"),
    (networking(node_cidr_mask_size=26), "max-pods", {}, WARNING, "components.kubelet.config.maxPods: 61"),
    (NAMED, "endpoint", looked_up(2), ERROR, "api.example.com cannot be looked up here"),
    (NAMED, "endpoint", looked_up(124), ERROR, "cannot be looked up here: no name server answers"),
    (NAMED, "endpoint", looked_up(0, "2001:db8::1"), ERROR, "has no IPv4 address here, only 2001:db8::1"),
    (NAMED, "endpoint", looked_up(0, "127.0.1.1"), WARNING, "leads to 127.0.1.1 here: only its own API server"),
    (NAMED, "endpoint", looked_up(0, "10.96.0.1"), ERROR, "inside serviceSubnet 10.96.0.0/16"),
    (NAMED, "endpoint", looked_up(0, "10.90.0.12"), ERROR, "leads to 10.90.0.12 here, which is w1, a worker"),
    (
        replace(NAMED, control_plane_endpoint="api.example.com:443"),
        "endpoint",
        looked_up(0, "127.0.1.1"),
        ERROR,
        "the node itself",
    ),
    (
        SPEC,
        "etcd",
        {"cluster": OWN, **said(etcd_image="registry.k8s.io/etcd:3.6.8-0")},
        ERROR,
        "etcd 3.6.8 runs here, and 3.7.1 takes over from 3.6.11 or later only; set images.etcd: 3.6.14-0",
    ),
]


@pytest.mark.parametrize(
    ("spec", "check", "changes", "severity", "words"), [*((SPEC, *case) for case in CASES), *ANSWERED]
)
def test_finding(spec: ClusterSpec, check: str, changes: Mapping[str, Any], severity: Severity, words: str) -> None:
    """The changed answer makes its check say so, with cause and remedy, and no other check an error."""
    findings = look(replace(GOOD, **changes), spec)
    told = [f for f in of(check, findings) if words in f"{f.message}; {f.remedy}"]
    assert [finding.severity for finding in told] == [severity], of(check, findings)
    assert told[0].remedy and told[0].message[-1] != "."
    related = {check, "neighbours", "default-route"}  # a lost route is seen by more than one
    assert {finding.check for finding in findings if finding.severity is ERROR} <= related


def test_every_check_has_a_case() -> None:
    """No check is without a case that triggers it (`root` has its own test), with the severity that its record names.

    A clock that is wrong is `test_clock`'s.
    """
    every = [*CASES, *(case[1:] for case in ANSWERED)]
    assert {case[0] for case in every} == set(NAMES) - {"root"}
    worst = {name for name, _, severity, _ in every if severity is ERROR}
    assert worst == {check.name for check in NODE_CHECKS if check.severity is ERROR} - {"root", "clock"}
    assert all(check.asks.endswith("?") for check in NODE_CHECKS)


def test_without_root_only_that_is_said() -> None:
    """What an ordinary user cannot see is not reported as missing."""
    assert [(f.check, f.severity) for f in look(replace(GOOD, uid=1000))] == [("root", ERROR)]


RELAXED: list[tuple[str, Mapping[str, Any], ClusterSpec, int]] = [
    ("swap", {"swaps": ("/dev/sda2",)}, kubelet(failSwapOn=False), 0),
    ("cgroup", {"cgroup_version": 1}, kubelet(failCgroupV1=False), 0),
    ("kernel", {"kernel": "5.10.0-32-amd64"}, networking(proxy_mode="iptables"), 0),
    ("cpu", {"cpus": 1}, SPEC, 1),
    ("memory", {"memory": 900}, SPEC, 1),
    ("ports", listening(6443, 2379), SPEC, 1),
    ("ports", listening(8080), SPEC, 0),
    ("modules", modules(br_netfilter="loadable"), SPEC, 0),
    ("time-service", {"virtualisation": "kvm", **unit("chronyd")}, SPEC, 0),
    ("tools", {"tools": (GOOD.tools - {"curl"}) | {"wget"}}, SPEC, 0),
    ("ports", {"cluster": OWN, **listening(6443, process="kube-apiserver")}, SPEC, 0),
    ("ports", {"cluster": OWN, **listening(10257, process="kube-controller")}, SPEC, 0),
    ("ranges", {"cluster": OWN, **route("10.244.1.0/24", "10.90.0.12")}, SPEC, 0),
    ("ranges", pods_address("cni0"), SPEC, 0),
    ("ranges", pods_address("kinstall-vxlan"), networking(pod_network="overlay"), 0),
    ("ranges", pods_address("flannel.1"), networking(pod_network="manifest"), 0),
    ("leftovers", {"cluster": OWN, "paths": ("/var/lib/etcd/member",)}, SPEC, 0),
    ("leftovers", {"recorded": True, "paths": ("/etc/kubernetes/pki/ca.crt",)}, SPEC, 0),
    ("container-runtime", {"cluster": OWN, **unit("containerd")}, SPEC, 0),
    ("resolver", {"nameservers": ("169.254.169.254",)}, SPEC, 0),
    ("resolver", {"nameservers": ("127.0.0.53", "192.0.2.53")}, SPEC, 0),
    ("modules", modules(vxlan="missing"), SPEC, 0),
    ("modules", modules(vxlan="loadable"), networking(pod_network="overlay"), 0),
    ("max-pods", {}, networking(node_cidr_mask_size=25), 0),
    ("max-pods", {}, networking(node_cidr_mask_size=28, pod_network="manifest"), 0),
    (
        "max-pods",
        {},
        replace(
            networking(node_cidr_mask_size=28),
            components=Components(kubelet=ComponentOverrides(config={"maxPods": 13})),
        ),
        0,
    ),
    (
        "max-pods",
        {},
        replace(
            networking(node_cidr_mask_size=28),
            components=Components(kubelet=ComponentOverrides(extra_args={"max-pods": "9"})),
        ),
        0,
    ),
    ("endpoint", looked_up(0, "2001:db8::1", "10.90.0.11"), NAMED, 1),
    ("endpoint", {}, NAMED, 1),
    ("boot-sysctls", boot("/etc/sysctl.d/10-x.conf net/ipv4/ip_forward 0"), SPEC, 0),
    ("boot-sysctls", boot("/etc/sysctl.d/99-x.conf net/ipv4/ip_forward 1"), SPEC, 0),
    (
        "boot-sysctls",
        boot("/etc/sysctl.d/98-x.conf net/ipv4/ip_forward 0", "/etc/sysctl.d/99-x.conf net/ipv4/ip_forward 1"),
        SPEC,
        0,
    ),
    ("boot-sysctls", boot("/etc/sysctl.d/99-x.conf net/ipv4/conf/all/rp_filter 0"), SPEC, 0),
    ("proxies", said(proxy_file="/etc/systemd/system/containerd.service.d/proxy.conf,/etc/yum.conf"), SPEC, 0),
    ("file-systems", mount("/var/lib/etcd", "tmpfs", "rw"), SPEC, 1),
    ("file-systems", mount("/var/lib/kubelet", "zfs", "rw"), SPEC, 0),
    ("file-systems", mount("/var/lib/etcd", "overlay", "rw"), SPEC, 0),
    (
        "file-systems",
        {**mount("/var/lib/containerd", "zfs", "rw"), "lines": {"/sys/module/zfs/version": ("2.2.2-1",)}},
        SPEC,
        0,
    ),
    ("disk", space("/var/lib/etcd", 10 << 20), SPEC, 1),
    ("etcd", said(etcd_image="registry.k8s.io/etcd:3.6.8-0"), SPEC, 0),
    ("etcd", {"cluster": OWN, **said(etcd_image='"registry.k8s.io/etcd:3.6.11-0"')}, SPEC, 0),
    (
        "sysctls",
        {"sysctls": {"net/netfilter/nf_conntrack_max": False}},
        replace(SPEC, components=Components(kube_proxy=ComponentOverrides(config={"conntrack": {"maxPerCore": 0}}))),
        0,
    ),
]


@pytest.mark.parametrize(("check", "changes", "spec", "node"), RELAXED)
def test_no_finding_where_it_does_no_harm(check: str, changes: Mapping[str, Any], spec: ClusterSpec, node: int) -> None:
    """What the answers accept, the role does not need, or this very cluster made itself is no finding."""
    facts = replace(GOOD, **changes)
    if node == 1:
        facts = replace(facts, addresses=(("eth0", IPv4Interface("10.90.0.12/24")),))
    assert [f.severity for f in of(check, look(facts, spec, node=node))] in ([OK], [])


def test_installed_node_is_fit_for_a_replay() -> None:
    """A control plane that kinstall installed: its ports, routes, chains and daemons are its own, and no finding."""
    lines = (Path(__file__).parents[1] / "facts" / "recorded" / "installed.txt").read_text().splitlines()
    facts = replace(parse(lines), cgroup_version=2, nameservers=("192.0.2.53",), sysctls={})
    assert facts.active("kubelet.service") and len(facts.listeners) > 10
    assert [f for f in look(facts) if f.severity is not OK] == []
    other = {f.check for f in look(facts, replace(SPEC, cluster_name="other")) if f.severity is ERROR}
    assert other == {"cluster", "leftovers", "ranges", "ports", "cni-config", "container-runtime"}


def test_foreign_process_on_an_own_port_is_an_error() -> None:
    """On a node of this cluster a port is fine only while the component that belongs there holds it."""
    facts = replace(GOOD, cluster=OWN, **listening(10250, process="nginx"))
    assert [f.severity for f in of("ports", look(facts))] == [ERROR]


def test_same_name_other_authority_is_another_cluster() -> None:
    """A cluster of the same name but another CA is not this one: its leftovers and ports count."""
    facts = replace(GOOD, cluster=OWN, paths=("/var/lib/etcd/member",))
    assert "another CA" in of("cluster", look(facts, ca="bb"))[0].message
    assert of("leftovers", look(facts, ca="bb"))[0].severity is ERROR
    assert of("cluster", look(facts, ca="aa"))[0].severity is OK


def test_full_disk_of_an_installed_node_is_a_warning() -> None:
    """What an installed node needs is there already, so a replay is not refused."""
    facts = replace(GOOD, cluster=OWN, **space("/var/lib", GIB))
    assert [f.severity for f in of("disk", look(facts))] == [WARNING]


@pytest.mark.parametrize(
    ("offset", "severity", "words"),
    [
        (0.0, OK, "agrees"),
        (-4.0, OK, "agrees"),
        (20.0, WARNING, "20 seconds ahead of"),
        (-90.0, ERROR, "1.5 minutes behind"),
        (3600.0, ERROR, "1 hour ahead of this machine's; whole hours look like a hardware clock in local time"),
        (-86400.0 * 3, ERROR, "3 days behind"),
    ],
)
def test_clock(offset: float, severity: Severity, words: str) -> None:
    """A clock that is off by more than the round trip explains is named with its distance and direction."""
    now = GOOD.clock
    (finding,) = of("clock", look(replace(GOOD, clock=now + offset), clock=(now, now)))
    assert finding.severity is severity
    assert words in finding.message


def test_slow_round_trip_is_no_clock_error() -> None:
    """The time between question and answer cannot be told from the time on the way."""
    now = GOOD.clock
    assert of("clock", look(GOOD, clock=(now - 120, now + 120)))[0].severity is OK


def test_ignore_turns_errors_into_warnings() -> None:
    """`preflight.ignore` names checks; their errors become warnings, those of others stay."""
    spec = replace(SPEC, preflight=Preflight(ignore=("cpu",)))
    findings = look(replace(GOOD, cpus=1, memory=500), spec)
    assert of("cpu", findings)[0].severity is WARNING
    assert "preflight.ignore" in of("cpu", findings)[0].message
    assert of("memory", findings)[0].severity is ERROR


@pytest.mark.parametrize(
    ("check", "changes", "spec"),
    [
        ("boot-sysctls", boot("/etc/sysctl.d/99-x.conf net/ipv4/ip_forward 0"), SPEC),
        ("endpoint", looked_up(2), NAMED),
        ("endpoint", looked_up(0, "127.0.0.1"), replace(NAMED, control_plane_endpoint="api.example.com:443")),
        ("file-systems", mount("/var/lib/containerd", "fuse", "rw"), SPEC),
        ("disk", space("/var/lib", GIB), SPEC),
    ],
)
def test_living_nodes_are_warned_of(check: str, changes: Mapping[str, Any], spec: ClusterSpec) -> None:
    """What a node of the cluster has lived with until now does not keep it from being brought up to date."""
    assert {f.severity for f in of(check, look(replace(GOOD, cluster=OWN, **changes), spec))} == {WARNING}


def test_name_that_leads_a_worker_to_itself() -> None:
    """`127.0.1.1 NAME` in /etc/hosts, on another node than the control plane."""
    facts = replace(GOOD, addresses=(("eth0", IPv4Interface("10.90.0.12/24")),), **looked_up(0, "127.0.1.1"))
    (finding,) = of("endpoint", look(facts, NAMED, node=1))
    assert finding.severity is ERROR and "leads to 127.0.1.1 here, the node itself" in finding.message


def test_space_is_that_behind_links_and_of_folders_that_share_it() -> None:
    """/var/lib/kubelet is a link to a disk that has the images too, through a bind mount; elsewhere there is room."""
    spaces = (Space("/", 100 * GIB, 90 * GIB, "/dev/sda"), Space("/data", 9 * GIB, 3 * GIB, "/dev/sdb"))
    bound = Space("/var/lib/containerd", 9 * GIB, 3 * GIB, "/dev/sdb")
    facts = replace(GOOD, spaces=(*spaces, bound), real_paths={"/var/lib/kubelet": "/data/kubelet"})
    (finding,) = of("disk", look(facts))
    assert finding.severity is WARNING
    assert "3.0 GiB free for /var/lib/containerd, /var/lib/kubelet (on /var/lib/containerd); 6.0 GiB" in finding.message


def test_file_system_is_that_behind_links() -> None:
    """The link is on ext4, and what it leads to is not."""
    mounts = (Mount("/", "ext4", ("rw",)), Mount("/srv/share", "nfs4", ("rw",)))
    facts = replace(GOOD, mounts=mounts, real_paths={"/var/lib/containerd": "/srv/share/containerd"})
    assert ["nfs4" in finding.message for finding in of("file-systems", look(facts))] == [True]


def test_every_folder_of_the_checks_is_looked_at() -> None:
    """The program says of each where it really is."""
    words = facts_program("").replace(";", " ").split()
    assert [folder for folder in (*ROOM, "/etc", "/var/lib", "/opt") if folder not in words] == []


def test_proxy_that_exempts_the_cluster() -> None:
    """With everything of the cluster in no_proxy, what remains to say is that containerd does not read it."""
    exempt = "10.90.0.11,10.90.0.12,10.244.0.0/16,10.96.0.0/16,.cluster.local"
    facts = replace(GOOD, proxies={"https_proxy": "http://p:3128", "no_proxy": exempt})
    assert "containerd's unit does not read it" in of("proxies", look(facts))[0].message


def test_mtu_larger_than_the_interface() -> None:
    """Pods' MTU may not be larger than that of the node's interface."""
    assert "1500 of eth0" in of("address", look(GOOD, networking(mtu=9000)))[0].message


def test_the_node_ip_must_be_on_the_node_and_the_address_need_not() -> None:
    """Behind NAT, or with a network of its own for SSH; what the node has instead is named."""
    behind_nat = replace(NODES[0], address="203.0.113.7", node_ip="10.90.0.11")
    spec = replace(SPEC, nodes=(behind_nat, NODES[1]))
    assert [finding.severity for finding in of("address", look(spec=spec))] == [OK]
    wrong = replace(spec, nodes=(replace(behind_nat, node_ip="10.91.0.11"), NODES[1]))
    (finding,) = of("address", look(spec=wrong))
    assert finding.severity is ERROR and "10.91.0.11 is on none" in finding.message
    assert "10.90.0.11 on " in finding.message and "nodeIP" in finding.remedy
