"""Reset leaves the hosts as they were before, and one can start again.

These tests run in order, on the cluster that all files in this folder share.
"""

import json

from tests.lab import snapshot
from tests.lab.life.world import (
    SYSCTL_FILE,
    THEIR_SYSCTLS,
    WEB,
    Life,
    answers_everywhere,
    found_well,
    moved,
    shells_answer,
)

NODES = ("cp1", "w1", "w2")


def test_it_wants_the_clusters_name(life: Life) -> None:
    """Without the name, or with another one, nothing is touched and the exit code is that of usage."""
    before = life.everybody(run_folder=True)
    for words in ((), ("--yes", "other"), ("--yes", "demo", "--node", "w7")):
        ended = life.cluster.run("reset", *words)
        assert ended.code == 2, ended
    assert moved(before, life.everybody(run_folder=True)) == []


def test_hosts_are_as_before(life: Life) -> None:
    """Files with their hashes, units, links, addresses, routes, rules, sysctls, users: nothing differs."""
    ended = life.cluster.reset()
    assert ended.code == 0, ended
    told = {host.name: snapshot.difference(life.before[host.name], host.snapshot()) for host in life.hosts}
    assert told == {host.name: [] for host in life.hosts}
    left = "ps -eo comm= | grep -E 'kube|containerd|coredns|etcd|agnhost|pause' || true"
    assert [host.run(left).stdout for host in life.hosts] == ["", "", ""]


def test_the_host_that_left_earlier_is_as_before(life: Life) -> None:
    """So is the worker that was in the cluster for a while."""
    assert snapshot.difference(life.before[life.spare.name], life.spare.snapshot()) == []


def test_what_was_replaced_is_back(life: Life) -> None:
    """Somebody's file has its content, mode and time again, and somebody's rules are loaded."""
    for host in life.hosts:
        assert host.run(f"cat {SYSCTL_FILE}").stdout == THEIR_SYSCTLS
        assert host.run(f"stat -c '%a %y' {SYSCTL_FILE}").stdout.startswith("600 2020-02-02")
        assert "tcp dport 9 drop" in host.run("nft list table inet theirs").stdout


def test_ssh_never_dropped(life: Life) -> None:
    """Sessions that were opened before the reset still answer."""
    shells_answer(life)


def test_a_reset_of_bare_hosts_does_nothing(life: Life) -> None:
    """Once more on hosts without a record: it ends well and leaves them as they are."""
    ended = life.cluster.reset()
    assert ended.code == 0, ended
    told = {host.name: snapshot.difference(life.before[host.name], host.snapshot()) for host in life.hosts}
    assert told == {host.name: [] for host in life.hosts}


def test_and_again_from_the_start(life: Life) -> None:
    """The same keys make a new cluster, which is verified; nothing of the old one comes back."""
    authority = (life.cluster.state / "pki/ca.crt").read_bytes()
    found_well(life.cluster.replay())
    assert (life.cluster.state / "pki/ca.crt").read_bytes() == authority
    assert json.loads(life.cluster.kubectl("get daemonsets -o json"))["items"] == []
    life.cluster.kubectl("apply -f -", stdin=WEB)
    answers_everywhere(life.cluster, NODES)
    assert life.cluster.replay().last["changed"] == 0
    assert life.cluster.reset().code == 0
