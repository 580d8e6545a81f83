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
from kinstall.facts.model import Link, Listener, Mount, NodeFacts, Route, Space, SystemdUnit
from kinstall.facts.parse import parse
from kinstall.findings import Finding, Severity
from kinstall.preflight.checks import NODE_CHECKS
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
    ("disk", space("/var/lib", GIB), ERROR, "1.0 GiB free for /var/lib/containerd (on /var/lib)"),
    ("disk", space("/var/lib/containerd", 3 * GIB), WARNING, "4.0 GiB would be good"),
    ("disk", space("/var/lib/etcd", 10 << 20), ERROR, "10 MiB free for /var/lib/etcd"),
    ("disk", {"spaces": (Space("/", 100 * GIB, 9 * GIB),)}, WARNING, "DiskPressure"),
    ("file-systems", mount("/usr", "squashfs", "ro"), ERROR, "/usr/local/bin is read-only"),
    ("file-systems", mount("/opt", "ext4", "rw", "noexec"), ERROR, "remount,exec /opt"),
    ("file-systems", mount("/var/lib", "nfs4", "rw"), ERROR, "is on nfs4"),
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
    ("firewall", unit("firewalld"), WARNING, "firewalld is active"),
    ("firewall", {"ufw": True}, WARNING, "ufw is active"),
    ("firewall", {"drop_policies": (("input", "table inet filter, chain input"),)}, WARNING, "table inet filter"),
    ("forwarding", {"drop_policies": (("forward", "table ip filter, chain FORWARD"),)}, ERROR, "10.244.0.0/16"),
    ("proxies", {"proxies": {"HTTP_PROXY": "http://p:3128"}}, WARNING, "also for 10.90.0.11"),
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


@pytest.mark.parametrize(("check", "changes", "severity", "words"), CASES)
def test_finding(check: str, changes: Mapping[str, Any], severity: Severity, words: str) -> None:
    """The changed answer makes its check say so, with cause and remedy, and no other check an error."""
    findings = look(replace(GOOD, **changes))
    told = [f for f in of(check, findings) if words in f"{f.message} {f.remedy}"]
    assert [finding.severity for finding in told] == [severity], of(check, findings)
    assert told[0].remedy and told[0].message[-1] != "."
    related = {check, "neighbours", "default-route"}  # a lost route is seen by more than one
    assert {finding.check for finding in findings if finding.severity is ERROR} <= related


def test_every_check_has_a_case() -> None:
    """No check is without a case that triggers it (`root` has its own test), with the severity that its record names.

    A clock that is wrong is `test_clock`'s.
    """
    assert {case[0] for case in CASES} == set(NAMES) - {"root"}
    worst = {name for name, _, severity, _ in CASES if severity is ERROR}
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
