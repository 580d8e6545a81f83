"""Node × node in preflight on real hosts: what is blocked is named by direction, before anything is changed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kinstall.connectivity import Result, required_connections, try_all
from kinstall.errors import EXIT_PREFLIGHT
from tests.lab.api import Lab
from tests.lab.cluster import Cluster
from tests.lab.hosts import Host
from tests.lab.shell import run
from tests.lab.snapshot import difference
from tests.unit.switch import FACTS, Switch

COUNT = 20


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> list[Host]:
    return lab.bare_hosts(3)


@pytest.fixture
def cluster(lab: Lab, hosts: list[Host], tmp_path: Path) -> Iterator[Cluster]:
    """Three bare hosts and answers with an overlay; a test's packet filters go with it."""
    yield Cluster(lab, hosts, tmp_path, {"networking": {"podNetwork": "overlay"}})
    for host in hosts:
        host.run("nft delete table inet lab-peers 2>/dev/null || true")


def filter_on(host: Host, *rules: str) -> None:
    text = "\n".join(rules)
    host.run(
        "nft -f -", stdin=f"table inet lab-peers {{\nchain i {{\ntype filter hook input priority 0\n{text}\n}}\n}}\n"
    )


def told(out: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(out)
    return data


@pytest.mark.covers(42)
def test_open_and_nothing_left(cluster: Cluster) -> None:
    """Bare hosts that nothing separates: every way is open, in seconds, and the hosts are as before."""
    before = {host.name: host.snapshot() for host in cluster.hosts}
    ended = cluster.run("preflight", "--output", "json", "--all")
    assert ended.code == 0, ended
    peers = told(ended.out)["peers"]
    assert peers == {"tried": 26, "blocked": [], "notAsked": []}
    assert any(f["check"] == "peers" and f["severity"] == "ok" for f in told(ended.out)["findings"])
    assert {host.name: difference(before[host.name], host.snapshot()) for host in cluster.hosts} == {
        host.name: [] for host in cluster.hosts
    }
    assert "socket-activate" not in "".join(host.run("ps -eo args").stdout for host in cluster.hosts)


@pytest.mark.covers(42)
def test_blocked_ways_are_refused_by_name(cluster: Cluster) -> None:
    """A dropped port, a rejected one, lost datagrams, packets lost for their size: exit 3, each with its direction and
    a remedy, and nothing was changed; in text there is a table."""
    cp1, w1, w2 = cluster.hosts
    filter_on(cp1, f"ip saddr {w1.address} tcp dport 6443 drop")
    filter_on(w1, f"ip saddr {cp1.address} tcp dport 10250 reject with tcp reset", "udp dport 8472 drop")
    filter_on(w2, f"ip saddr {cp1.address} tcp dport 10250 ip length > 1400 drop")
    before = {host.name: host.snapshot() for host in cluster.hosts}
    ended = cluster.replay()
    assert ended.code == EXIT_PREFLIGHT, ended
    found = [f for f in told(ended.err)["findings"] if f["severity"] == "error"]
    assert {(f["node"], f["message"]) for f in found} == {
        ("cp1", "6443/tcp (kube-apiserver): dropped from w1"),
        ("w1", "10250/tcp (kubelet): refused from cp1"),
        ("w1", "8472/udp (overlay): dropped from cp1, w2"),
        ("w2", "packets of 1500 bytes from cp1 are lost on the way, smaller ones arrive"),
    }
    assert all(f["check"] == "peers" and f["remedy"] for f in found)
    assert not [event for event in ended.events if event["event"] == "runStarted"]
    table = cluster.run("preflight")
    assert table.code == EXIT_PREFLIGHT
    rows = {" ".join(line.split()) for line in table.out.splitlines()}
    assert {
        "FROM TO PORT RESULT",
        "w1 cp1 6443/tcp (kube-apiserver) dropped",
        "cp1, w2 w1 8472/udp (overlay) dropped",
        "cp1 w2 10250/tcp (kubelet) too large",
    } <= rows, table
    assert {host.name: difference(before[host.name], host.snapshot()) for host in cluster.hosts} == {
        host.name: [] for host in cluster.hosts
    }


@pytest.mark.covers(42)
def test_a_path_with_a_smaller_mtu(cluster: Cluster) -> None:
    """A switch port that passes 1400 bytes, without a word to anybody: found for what comes from that host."""
    host = cluster.host("w1")
    # Packets leave the host one by one, as they do on a wire.
    host.run("ip link set eth0 gso_max_segs 1")
    link = f"kin-{host.name}"
    run(["ip", "link", "set", link, "mtu", "1400"])
    try:
        ended = cluster.run("preflight", "--output", "json")
    finally:
        run(["ip", "link", "set", link, "mtu", "1500"])
        host.run("ip link set eth0 gso_max_segs 65535")
    assert ended.code == EXIT_PREFLIGHT, ended
    blocked = {(way["from"], way["to"], way["result"]) for way in told(ended.out)["peers"]["blocked"]}
    assert {("w1", "cp1", "too large"), ("w1", "w2", "too large")} <= blocked, blocked
    assert {result for _, _, result in blocked} == {"too large"}


@pytest.mark.covers(42)
def test_twenty_nodes_in_seconds(tmp_path: Path) -> None:
    """Twenty sshds, each in a network namespace of its own, all of them on this machine: 1,539 ways in under 15 s."""
    switch = Switch(tmp_path, COUNT)
    try:
        spec = switch.spec
        connections = required_connections(spec, dict.fromkeys(switch.names, FACTS))
        addresses = {node.name: node.internal_ip for node in spec.nodes}
        channels = switch.channels()
        with ThreadPoolExecutor(COUNT) as pool:
            assert set(pool.map(lambda channel: channel.execute("exit 0\n"), channels.values())) == {0}
        begun = time.monotonic()
        matrix = try_all(connections, channels, addresses, dict.fromkeys(switch.names, 1500))
        seconds = time.monotonic() - begun
        assert {each.result for each in matrix.attempts} == {Result.OPEN}
        assert len(matrix.attempts) == len(connections) > 1000
        print(f"{len(connections)} ways between {COUNT} nodes in {seconds:.1f} s")
        assert seconds < 15
        assert switch.settled()
    finally:
        switch.close()
