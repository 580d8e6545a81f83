"""Power cuts, managers of links and firewalls: everything comes back by itself.

These tests run in order, on the cluster that all files in this folder share.
"""

import time
from typing import Any

import pytest
import yaml

from tests.lab import api
from tests.lab.cluster import wait_until
from tests.lab.hosts import Host
from tests.lab.life.world import Life, answers_everywhere, is_well, nothing_to_do, open_shell, planned, shells_answer

NODES = ("cp1", "w1", "w2")


def _routes(host: Host) -> list[str]:
    return host.run("ip route show proto 57").stdout.split("\n")


@pytest.mark.parametrize(
    "event",
    ["systemctl restart systemd-networkd", "networkctl reconfigure eth0", "networkctl reload && networkctl renew eth0"],
)
def test_networkd_leaves_our_routes_alone(life: Life, event: str) -> None:
    """The distribution's manager of links starts anew or configures the link again; pods still reach one another."""
    before = {host.name: _routes(host) for host in life.hosts}
    for host in life.hosts:
        host.run(event)
        host.run("/lib/systemd/systemd-networkd-wait-online --interface=eth0 --timeout=30", check=False)
    for host in life.hosts:
        wait_until(lambda host=host: _routes(host) == before[host.name], f"{host.name}'s routes")  # type: ignore[misc]
    nothing_to_do(life.cluster)
    answers_everywhere(life.cluster, NODES)


@pytest.mark.parametrize("carrier", [False, True], ids=["a dead switch", "a pulled cable"])
def test_a_link_that_was_cut_comes_back(life: Life, carrier: bool) -> None:
    """For some seconds w1 hears nothing; with its link back, its routes and pods answer as before."""
    host = life.cluster.host("w1")
    before = _routes(host)
    host.cut_link(carrier=carrier)
    try:
        if carrier:
            wait_until(lambda: _routes(host) != before, "routes that go with the link")
        else:
            time.sleep(2)
    finally:
        host.restore_link()
    wait_until(lambda: _routes(host) == before, "routes that come back")
    wait_until(lambda: host.run("ping -c1 -W1 10.90.0.1", check=False).status == 0, "the network")
    nothing_to_do(life.cluster)
    answers_everywhere(life.cluster, NODES)


def test_a_dead_worker_is_left_alone(life: Life) -> None:
    """While w2 hears nothing, a replay brings the others up to date, names it and ends with exit code 4. Once its link
    is back, the same command does what is left, and only there."""
    cluster, before = life.cluster, life.cluster.answers.read_text()
    data: dict[str, Any] = yaml.safe_load(before)
    data["components"]["kubelet"]["config"]["maxPods"] = 90
    cluster.answers.write_text(yaml.safe_dump(data, sort_keys=False))
    steps = {"file /var/lib/kubelet/config.yaml", "unit kubelet.service"}
    cluster.host("w2").cut_link()
    try:
        ended = cluster.replay("--no-verify")
    finally:
        cluster.host("w2").restore_link()
    assert ended.code == 4 and "w2: no answer: left alone" in ended.err, ended
    assert set(ended.changed) == {(node, step) for node in ("cp1", "w1") for step in steps}
    wait_until(lambda: cluster.host("w2").run("ping -c1 -W1 10.90.0.1", check=False).status == 0, "the network")
    again = cluster.replay("--no-verify")
    assert again.code == 0 and set(again.changed) == {("w2", step) for step in steps}, again
    cluster.answers.write_text(before)
    back = cluster.replay("--no-verify")
    assert back.code == 0 and {node for node, _ in back.changed} == set(NODES), back
    nothing_to_do(cluster)


@pytest.mark.parametrize("verb", ["restart", "reload", "stop"])
def test_the_distributions_firewall_flushes_everything(life: Life, verb: str) -> None:
    """nftables.service flushes all tables; ours and kube-proxy's are there again without anybody's doing."""
    host = life.cluster.host("w2")
    host.run(f"systemctl {verb} nftables.service")
    wait_until(lambda: "masquerade" in host.run("nft list table ip kinstall", check=False).stdout, "our table", 20)
    nothing_to_do(life.cluster)
    answers_everywhere(life.cluster, NODES)
    host.run("systemctl start nftables.service")
    nothing_to_do(life.cluster)


def test_a_flush_by_hand_is_mended_by_a_replay(life: Life) -> None:
    """Somebody flushed every rule: the plan says what is missing, and a replay puts ours and kube-proxy's back."""
    host = life.cluster.host("w1")
    host.run("nft flush ruleset")
    assert planned(life.cluster) == {("w1", "script masquerade"), ("w1", "script service rules")}
    ended = life.cluster.replay("--no-verify")
    assert ended.code == 0, ended
    # kube-proxy is started anew, as it would look for its rules only once an hour.
    assert set(ended.changed) == {("w1", "script masquerade"), ("w1", "script service rules")}
    host.run("systemctl restart nftables.service")  # their own rules
    nothing_to_do(life.cluster)
    answers_everywhere(life.cluster, NODES)


def test_all_hosts_lose_power(life: Life) -> None:
    """Power off and on again, all at once and without a word: verify passes and there is nothing to do."""
    shells_answer(life)  # through restarts of networkd and cuts of the link, up to here
    api.in_parallel(Host.power_off, life.hosts)
    api.in_parallel(Host.power_on, life.hosts)
    for name in (host.name for host in life.hosts):
        life.shells[name].kill()
        life.shells[name].wait()
    life.shells.update({host.name: open_shell(host) for host in life.hosts})
    is_well(life.cluster, patience=240)
    nothing_to_do(life.cluster)
    answers_everywhere(life.cluster, NODES)
    again = life.cluster.replay()
    assert (again.code, again.last["changed"]) == (0, 0), again
