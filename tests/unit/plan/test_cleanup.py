"""What is left behind by the cluster's programs is taken away, and nothing else.

Run by sh in a mount and network namespace, with nft, iptables and systemctl played by small programs. What kills
processes is not run here but on the lab's hosts: processes are this machine's own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from kinstall.engine.shell_functions import functions
from kinstall.plan import cleanup
from tests.unit.local_node import LocalNode, start

FORWARD, ROUTE = "net.ipv4.ip_forward", "net.ipv4.conf.all.route_localnet"

# /run/fake/nft has a file per table, named as `nft list tables` shows it, holding what `nft list TABLE` shows.
NFT = r"""#!/bin/sh
case "$1 $2" in
  "list tables") cd /run/fake/nft && ls ;;
  "list table") cat "/run/fake/nft/table $3 $4" ;;
  "delete table") rm "/run/fake/nft/table $3 $4" ;;
esac
"""
EMPTY_TABLE = (
    "table ip nat {\n\tchain POSTROUTING {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n\t}\n}\n"
)
USED_TABLE = (
    "table ip mangle {\n\tchain FORWARD {\n\t\ttype filter hook forward priority mangle; policy accept;\n"
    '\t\tiifname "eth0" counter packets 0 bytes 0 drop\n\t}\n}\n'
)
HEAD = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n" + functions("remove")
RULES = """\
*nat
:KUBE-SERVICES - [0:0]
:OWN - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE
-A POSTROUTING -m comment --comment "name: x" -j CNI-abc
-A OWN -j ACCEPT
COMMIT
"""


@pytest.fixture
def node() -> Iterator[LocalNode]:
    made = start(own_network=True)
    made.write("/usr/local/sbin/nft", NFT, 0o755)
    for name in ("iptables", "ip6tables"):
        made.write(f"/usr/local/sbin/{name}", "#!/bin/sh\n", 0o755)
        made.write(f"/usr/local/sbin/{name}-save", f"#!/bin/sh\ncat /run/fake/{name} 2>/dev/null\n", 0o755)
        made.write(f"/usr/local/sbin/{name}-restore", f"#!/bin/sh\ncat >/run/fake/{name}.restored\n", 0o755)
    table(made, "ip filter", "table ip filter {\n}\n")
    yield made
    made.close()


def table(node: LocalNode, name: str, text: str) -> None:
    node.write(f"/run/fake/nft/table {name}", text)


def tables(node: LocalNode) -> list[str]:
    return sorted(path.name.removeprefix("table ") for path in node.path("/run/fake/nft").iterdir())


def run(node: LocalNode, code: str) -> None:
    """As a step's code is run: with the node's PATH, what an undo begins with, and `set -e`."""
    lines: list[str] = []
    assert node.execute(f"{HEAD}set -e\n{code}", on_line=lines.append) == 0, lines


def sysctl(node: LocalNode, name: str, value: str = "") -> str:
    """The value in the node's network namespace, after it was set where one is given."""
    path = f"/proc/sys/{name.replace('.', '/')}"
    lines: list[str] = []
    node.execute((f"echo {value} >{path}\n" if value else "") + f"cat {path}", on_line=lines.append)
    return lines[-1]


def test_sysctls_come_back_as_they_were(node: LocalNode) -> None:
    """Each to its own earlier value; one that this kernel has not is passed over; what was saved goes."""
    assert (sysctl(node, FORWARD, "0"), sysctl(node, ROUTE, "1")) == ("0", "1")
    run(node, cleanup.save((FORWARD, ROUTE, "net.no.such.thing")))
    assert (sysctl(node, FORWARD, "1"), sysctl(node, ROUTE, "0")) == ("1", "0")
    run(node, cleanup.RESTORE)
    assert (sysctl(node, FORWARD), sysctl(node, ROUTE)) == ("0", "1")
    assert not node.path(cleanup.SAVED).exists()


def test_what_was_saved_first_counts(node: LocalNode) -> None:
    """A second run would save what kinstall itself has set by then: it does not."""
    sysctl(node, FORWARD, "0")
    run(node, cleanup.save((FORWARD,)))
    sysctl(node, FORWARD, "1")
    run(node, cleanup.save((FORWARD,)))
    run(node, cleanup.RESTORE)
    assert sysctl(node, FORWARD) == "0"


def test_a_saving_that_was_interrupted_is_done_again(node: LocalNode) -> None:
    """Half a list of sysctls is not taken for the whole."""
    node.write(f"{cleanup.SAVED}/new", f"{FORWARD}=0\n")
    sysctl(node, ROUTE, "0")
    run(node, cleanup.save((FORWARD, ROUTE)))
    assert node.read(f"{cleanup.SAVED}/sysctls").splitlines()[1:] == [f"{ROUTE}=0"]


def test_empty_tables_of_the_clusters_programs_go(node: LocalNode) -> None:
    """A table that was there before stays, one with anybody's rule stays, one that only held chains goes."""
    run(node, cleanup.save(()))
    table(node, "ip nat", EMPTY_TABLE)
    table(node, "ip mangle", USED_TABLE)
    table(node, "inet firewalld", "table inet firewalld {\n}\n")
    run(node, cleanup.RESTORE)
    assert tables(node) == ["inet firewalld", "ip filter", "ip mangle"]


def test_chains_of_the_kubelet_and_the_plugins_go(node: LocalNode) -> None:
    """Other people's rules are put back unchanged, in their order; where nothing is ours nothing is written."""
    node.write("/run/fake/iptables", RULES)
    node.write("/run/fake/ip6tables", "*nat\n-A OWN -j ACCEPT\nCOMMIT\n")
    run(node, cleanup.save(()))
    run(node, cleanup.RESTORE)
    assert node.read("/run/fake/iptables.restored").splitlines() == [
        "*nat", ":OWN - [0:0]", "-A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE", "-A OWN -j ACCEPT", "COMMIT",
    ]  # fmt: skip
    assert not node.path("/run/fake/ip6tables.restored").exists()


def test_what_waits_for_the_network_stops_where_it_did_not_wait_before(node: LocalNode) -> None:
    """A unit that was active before the installation stays active."""
    before, after = "network-online.target", "systemd-networkd-wait-online.service"
    node.write(f"/run/fake/{before}.active", "")
    run(node, cleanup.save(()))
    node.write(f"/run/fake/{after}.active", "")
    run(node, cleanup.RESTORE)
    assert node.path(f"/run/fake/{before}.active").exists() and not node.path(f"/run/fake/{after}.active").exists()


def test_kube_proxys_tables_go(node: LocalNode) -> None:
    """In both families and both modes; the rest of the packet filter is left alone."""
    table(node, "ip kube-proxy", "table ip kube-proxy {\n}\n")
    table(node, "ip6 kube-proxy", "table ip6 kube-proxy {\n}\n")
    node.write("/run/fake/iptables", RULES)
    run(node, cleanup.KUBE_PROXY)
    assert tables(node) == ["ip filter"]
    assert "KUBE-" not in node.read("/run/fake/iptables.restored")


def test_a_node_where_nothing_is_left_is_left_alone(node: LocalNode) -> None:
    """Undoing twice, or what was never begun, is no error and writes nothing."""
    run(node, cleanup.RESTORE)
    run(node, cleanup.KUBE_PROXY)
    run(node, cleanup.RESTORE)
    assert tables(node) == ["ip filter"] and not node.path("/run/fake/iptables.restored").exists()


def test_pods_volumes_are_unmounted_the_inner_first(node: LocalNode) -> None:
    """Also with a blank in their name; what only begins alike stays mounted."""
    inside = ["/var/lib/kubelet/pods/a", "/var/lib/kubelet/pods/a/b c", "/var/lib/kubelet-other"]
    for place in inside:
        node.path(place).mkdir(parents=True)
        node.inside("mount", "-t", "tmpfs", "none", place)
    run(node, "unmount_within /var/lib/kubelet\n")
    lines: list[str] = []
    node.execute("cat /proc/self/mounts", on_line=lines.append)
    mounted = [line.split()[1] for line in lines]
    assert "/var/lib/kubelet-other" in mounted and not [m for m in mounted if m.startswith("/var/lib/kubelet/")]


def test_pods_volumes_are_found_behind_a_link(node: LocalNode) -> None:
    """The kubelet's folder is a link to another disk: the kernel's list has the real paths."""
    run(node, "mkdir -p '/mnt/a disk/pods/v'; ln -s '/mnt/a disk' /var/lib/kubelet")
    run(node, "mount -t tmpfs none '/mnt/a disk/pods/v'")
    run(node, "unmount_within /var/lib/kubelet\n")
    assert not [line for line in listed(node, "cat /proc/self/mounts") if "pods/v" in line]


PODS = "10.244.0.0/16"
AGENT = ("/mnt/net.d", "/mnt/bin", "/run/agent", "/var/lib/some/agent", "/lib/modules")
NETWORK_RULES = """\
*filter
:FLANNEL-FWD - [0:0]
:cali-INPUT - [0:0]
-A FORWARD -j FLANNEL-FWD
-A INPUT -s 192.0.2.0/24 -j DROP
COMMIT
"""


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CNI's folders where this machine's own are not in reach."""
    monkeypatch.setattr(cleanup, "_CNI_FOLDERS", "/mnt/net.d /mnt/bin")


def listed(node: LocalNode, code: str) -> list[str]:
    lines: list[str] = []
    node.execute(code, on_line=lines.append)
    return lines


def test_what_a_third_party_network_left_goes(node: LocalNode, folders: None) -> None:
    """Its files, folders, links, routes and chains; what was there before it stays, and what came from others."""
    for path in ("/mnt/net.d/87-podman.conflist", "/mnt/bin/bridge"):
        node.write(path, "theirs")
    node.path("/var/lib/some").mkdir(parents=True)
    run(node, "ip link add before type bridge && ip link set before up && ip addr add 10.244.9.9/32 dev before")
    found = cleanup.look_before_network(AGENT)
    assert node.execute(found.check, on_line=lambda line: None) != 0
    run(node, found.run)
    assert node.execute(found.check, on_line=lambda line: None) == 0
    for path in (
        *("/mnt/net.d/10-agent.conflist", "/mnt/net.d/.agent", "/mnt/bin/agent", "/run/agent/state"),
        *("/var/lib/some/agent/deep/file", "/var/lib/some/other"),
    ):
        node.write(path, "the network's, but for the last")
    run(node, "ip link add agent1 type bridge && ip link set agent1 up && ip addr add 10.244.1.1/24 dev agent1")
    run(node, "ip link add wg9 type bridge && ip link set wg9 up && ip addr add 198.51.100.1/24 dev wg9")
    run(node, "ip route add 10.244.2.0/24 via 198.51.100.2; ip route add 203.0.113.0/24 via 198.51.100.2")
    node.write("/run/fake/iptables", NETWORK_RULES)
    run(node, cleanup.network_gone(PODS))
    assert listed(node, "find /mnt /run/agent /var/lib/some -type f 2>/dev/null | sort") == [
        "/mnt/bin/bridge", "/mnt/net.d/87-podman.conflist", "/var/lib/some/other",
    ]  # fmt: skip
    assert not node.path("/run/agent").exists() and not node.path("/var/lib/some/agent").exists()
    assert listed(node, "ip -o link show type bridge | cut -d: -f2") == [" before", " wg9"]
    assert listed(node, "ip route show root 10.244.0.0/16; ip route show 203.0.113.0/24 | cut -d' ' -f1-3") == [
        "203.0.113.0/24 via 198.51.100.2"
    ]
    assert node.read("/run/fake/iptables.restored").splitlines() == [
        "*filter", "-A INPUT -s 192.0.2.0/24 -j DROP", "COMMIT",
    ]  # fmt: skip


def test_what_a_network_mounted_and_still_uses_stays(node: LocalNode, folders: None) -> None:
    """A mount in a path of the manifest that is in use: it is left and named, and the undo fails. What was noted is not
    forgotten with the rest that is put back: once the mount is free, the next reset takes it away."""
    run(node, cleanup.save(()))
    run(node, "mkdir /mnt/data; echo 1 >/mnt/data/file")
    run(node, cleanup.look_before_network(AGENT).run)
    run(node, "mkdir -p /run/agent/data; mount --bind /mnt/data /run/agent/data")
    enter = ["nsenter", "-t", str(node.pid), "-m", "sh", "-c", "cd /run/agent/data; echo; exec sleep 60"]
    lines: list[str] = []
    with subprocess.Popen(enter, stdout=subprocess.PIPE) as busy:
        assert busy.stdout is not None and busy.stdout.readline() == b"\n"
        assert node.execute(HEAD + cleanup.network_gone(PODS), on_line=lines.append) != 0
        run(node, cleanup.RESTORE)
        busy.kill()
    assert lines == ["/run/agent/data is in use and cannot be unmounted: it is left with all that is in it"]
    assert node.read("/run/agent/data/file") == node.read("/mnt/data/file") == "1\n"
    run(node, cleanup.network_gone(PODS))
    run(node, cleanup.RESTORE)
    assert not node.path("/run/agent").exists() and not node.path(cleanup.SAVED).exists()
    assert node.read("/mnt/data/file") == "1\n"


def test_a_link_that_a_network_made_goes_alone(node: LocalNode, folders: None) -> None:
    """A path of the manifest, and an entry of the CNI's folders, that are links now: what they lead to stays."""
    run(node, "mkdir -p /mnt/net.d /mnt/bin /mnt/data; echo 1 >/mnt/data/file")
    run(node, cleanup.look_before_network(AGENT).run)
    run(node, "ln -s /mnt/data /run/agent; ln -s /mnt/data /mnt/bin/link")
    run(node, cleanup.network_gone(PODS))
    assert listed(node, "ls -A /mnt/bin /run/agent 2>/dev/null") == ["/mnt/bin:"]
    assert node.read("/mnt/data/file") == "1\n"


def test_a_mount_that_a_network_made_is_not_emptied(node: LocalNode, folders: None) -> None:
    """A path of the manifest that is a mount point now, as a network's own bpf file system is."""
    run(node, "mkdir /mnt/data; echo 1 >/mnt/data/file")
    run(node, cleanup.look_before_network(AGENT).run)
    run(node, "mkdir /run/agent; mount --bind /mnt/data /run/agent")
    run(node, cleanup.network_gone(PODS))
    assert not node.path("/run/agent").exists() and node.read("/mnt/data/file") == "1\n"


def test_a_setting_that_cannot_be_put_back_is_kept_in_mind(node: LocalNode) -> None:
    """It is named, and what was saved stays until it can be."""
    sysctl(node, FORWARD, "0")
    run(node, cleanup.save((FORWARD,)))
    sysctl(node, FORWARD, "1")
    lines: list[str] = []
    run(node, "mount --bind /proc/sys/net /proc/sys/net; mount -o remount,bind,ro /proc/sys/net")
    assert node.execute(HEAD + cleanup.RESTORE, on_line=lines.append) != 0
    assert lines == [f"{FORWARD} was 0 and cannot be set to it"]
    run(node, "umount /proc/sys/net")
    run(node, cleanup.RESTORE)
    assert sysctl(node, FORWARD) == "0" and not node.path(cleanup.SAVED).exists()


def test_a_changed_manifest_is_looked_at_before_it_comes(node: LocalNode, folders: None) -> None:
    """Paths that it names newly are noted; what was noted once keeps its first answer."""
    run(node, cleanup.look_before_network(("/run/first",)).run)
    node.write("/run/first/x", "")
    node.write("/run/second/x", "theirs")
    found = cleanup.look_before_network(("/run/first", "/run/second", "/run/third/deep"))
    assert node.execute(found.check, on_line=lambda line: None) != 0
    run(node, found.run)
    node.write("/run/third/deep/x", "")
    run(node, cleanup.network_gone(PODS))
    assert not node.path("/run/first").exists() and not node.path("/run/third").exists()
    assert node.read("/run/second/x") == "theirs"


def test_without_a_look_nothing_is_taken(node: LocalNode, folders: None) -> None:
    """A run that was interrupted before it looked has nothing to undo."""
    node.write("/mnt/net.d/10-theirs.conf", "")
    run(node, cleanup.network_gone(PODS))
    assert node.path("/mnt/net.d/10-theirs.conf").exists()
