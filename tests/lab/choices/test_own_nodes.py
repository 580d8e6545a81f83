"""Nodes that differ: a network of their own between them, each with a login of another kind, and overrides, labels and
taints per role and per node. One of them is reached through another only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import yaml

from tests.lab.api import Lab
from tests.lab.choices import after, second_network
from tests.lab.choices.after import Chosen
from tests.lab.choices.second_network import address_of
from tests.lab.cluster import wait_until
from tests.lab.hosts import Host
from tests.lab.tree import ADMIN_PASSWORD

OTHER_PORT = 2222


def prepared(hosts: Sequence[Host]) -> dict[str, Any]:
    """A second interface on every host, and a second port for w1's sshd; and what is answered about them."""
    second_network.add(hosts)
    hosts[1].run("cat >/etc/ssh/sshd_config.d/port.conf", stdin=f"Port 22\nPort {OTHER_PORT}\n")
    cp1, w1, w2, w3 = hosts
    node = {"role": "worker"}
    return {
        "networking": {"podNetwork": "routed"},
        "roles": {
            "control-plane": {"components": {"kubeScheduler": {"extraArgs": {"v": "3"}}}},
            "worker": {
                "labels": {"pool": "shared", "example.com/rack": "r1"},
                "components": {"kubelet": {"config": {"maxPods": 60}, "extraArgs": {"v": "1"}}},
            },
        },
        "nodes": [
            {"name": "cp1", "role": "control-plane", "address": cp1.address, "nodeIP": address_of(cp1),
             "hostKey": cp1.host_key, "components": {"kubeApiserver": {"extraArgs": {"profiling": "false"}}}},
            {**node, "name": "w1", "address": w1.address, "nodeIP": address_of(w1), "hostKey": w1.host_key,
             "ssh": {"user": "ops", "port": OTHER_PORT}, "labels": {"pool": "own"},
             "components": {"kubelet": {"config": {"maxPods": 70}, "extraArgs": {"v": "2"}},
                            "kubeProxy": {"config": {"healthzBindAddress": "0.0.0.0:10266"}}}},
            {**node, "name": "w2", "address": w2.address, "nodeIP": address_of(w2), "hostKey": w2.host_key,
             "ssh": {"user": "admin", "identityFile": "", "password": "env:ADMIN"},
             "taints": [{"key": "example.com/gpu", "value": "a100", "effect": "PreferNoSchedule"}]},
            {**node, "name": "w3", "address": address_of(w3), "hostKey": w3.host_key,
             "ssh": {"proxyJump": f"root@{cp1.address}", "proxyJumpHostKey": cp1.host_key}},
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def chosen(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chosen]:
    secrets = {"ADMIN": ADMIN_PASSWORD}
    yield from after.installed(lab, tmp_path_factory.mktemp("nodes"), 4, env=secrets, prepare=prepared)


def api(chosen: Chosen, words: str) -> Any:
    return json.loads(chosen.cluster.kubectl(f"{words} -o json"))


def node(chosen: Chosen, name: str) -> Any:
    return api(chosen, f"get node {name}")


def test_it_is_installed(chosen: Chosen) -> None:
    after.is_well(chosen)


@pytest.mark.covers(42)
def test_peers_use_the_node_ip(chosen: Chosen) -> None:
    """Node objects, the API's endpoint, routes to pods and etcd: all in the network between the nodes."""
    for index, host in enumerate(chosen.cluster.hosts):
        name = f"w{index}" if index else "cp1"
        internal = [a["address"] for a in node(chosen, name)["status"]["addresses"] if a["type"] == "InternalIP"]
        assert internal == [address_of(host)]
        routes = host.run("ip -4 route show").stdout
        assert sum(" via 10.91.0." in line and " dev priv0" in line for line in routes.splitlines()) == 3, routes
        # Nothing of the cluster goes over the network of the logins.
        assert ":6443" not in host.run("ss -Htn dst 10.90.0.0/24").stdout
    slices = chosen.cluster.kubectl("get endpointslices -n default kubernetes -o yaml")
    assert address_of(chosen.cluster.hosts[0]) in slices
    plane = chosen.cluster.host("cp1")
    etcd = plane.run("ss -Hltn").stdout
    assert f"{address_of(plane)}:2379" in etcd and f"{plane.address}:2379" not in etcd


def test_every_node_was_logged_in_to_its_own_way(chosen: Chosen) -> None:
    """root by key, ops on another port, admin by password and sudo, and one node only through another."""
    cp1, w1, w2, w3 = chosen.cluster.hosts

    def log(host: Host) -> str:
        return host.run("journalctl -q --no-pager -o cat -u ssh -u sshd").stdout

    assert "Accepted publickey for root from 10.90.0.1 " in log(cp1)
    assert "Accepted publickey for ops from 10.90.0.1 " in log(w1)
    assert "Accepted publickey for root" not in log(w1)
    assert "Accepted password for admin from 10.90.0.1 " in log(w2)
    assert f"Accepted publickey for root from {address_of(cp1)} " in log(w3)
    assert "from 10.90.0.1 " not in log(w3)
    kept = [path for path in chosen.cluster.home.rglob("*") if path.is_file()]
    assert len(kept) > 10
    assert [path for path in kept if ADMIN_PASSWORD.encode() in path.read_bytes()] == []


@pytest.mark.covers(26, 27, 35, 36)
def test_overrides_of_roles_and_nodes(chosen: Chosen) -> None:
    """What the running kubelets say of themselves, and the command lines of the static pods and units."""

    def max_pods(name: str) -> int:
        return int(node(chosen, name)["status"]["capacity"]["pods"])

    assert {name: max_pods(name) for name in ("cp1", "w1", "w2", "w3")} == {"cp1": 110, "w1": 70, "w2": 60, "w3": 60}
    lines = [host.run("tr '\\0' ' ' </proc/$(pidof kubelet)/cmdline").stdout for host in chosen.cluster.hosts]
    assert ["--v=1" in line for line in lines] == [False, False, True, True]
    assert ["--v=2" in line for line in lines] == [False, True, False, False]
    assert chosen.cluster.host("w1").run("ss -Hltn sport = :10266").stdout
    assert not chosen.cluster.host("w2").run("ss -Hltn sport = :10266").stdout
    pods = api(chosen, "get pods -n kube-system -l tier=control-plane")["items"]
    commands = {pod["metadata"]["labels"]["component"]: pod["spec"]["containers"][0]["command"] for pod in pods}
    assert "--v=3" in commands["kube-scheduler"]
    assert "--profiling=false" in commands["kube-apiserver"]


@pytest.mark.covers(39)
def test_labels_and_taints(chosen: Chosen) -> None:
    """A role's labels with a node's own over them; a taint where the node has one."""
    labels = {name: node(chosen, name)["metadata"]["labels"] for name in ("cp1", "w1", "w2")}
    assert "pool" not in labels["cp1"]
    assert (labels["w1"]["pool"], labels["w1"]["example.com/rack"]) == ("own", "r1")
    assert (labels["w2"]["pool"], labels["w2"]["example.com/rack"]) == ("shared", "r1")
    assert node(chosen, "w2")["spec"]["taints"] == [
        {"key": "example.com/gpu", "value": "a100", "effect": "PreferNoSchedule"}
    ]


@pytest.mark.covers(26, 39)
def test_changes_under_the_living_cluster(chosen: Chosen) -> None:
    """A taint goes, a role's label changes and another goes, one node's override too: only those nodes are touched.

    w3 is logged in to directly from now on: that is no change of the cluster.
    """
    cluster = chosen.cluster
    answers = yaml.safe_load(cluster.answers.read_text())
    nodes = {each["name"]: each for each in answers["nodes"]}
    del nodes["w2"]["taints"]
    answers["roles"]["worker"]["labels"] = {"pool": "common"}
    nodes["w1"]["components"]["kubelet"]["config"]["maxPods"] = 75
    nodes["w3"] |= {"address": cluster.host("w3").address, "nodeIP": address_of(cluster.host("w3"))}
    del nodes["w3"]["ssh"]
    cluster.answers.write_text(yaml.safe_dump(answers))
    ended = cluster.replay()
    assert ended.code == 0, ended
    # w2's kubelet would register with the taint again.
    assert {where for where, _ in ended.changed} == {"cp1", "w1", "w2"}, ended.changed
    assert "taints" not in node(chosen, "w2")["spec"]
    labels = {name: node(chosen, name)["metadata"]["labels"] for name in ("w1", "w2")}
    assert (labels["w1"]["pool"], labels["w2"]["pool"]) == ("own", "common")
    assert "example.com/rack" not in labels["w1"]
    wait_until(lambda: int(node(chosen, "w1")["status"]["capacity"]["pods"]) == 75, "the kubelet's new limit")


def test_nothing_is_left_to_do(chosen: Chosen) -> None:
    after.nothing_to_do(chosen)


def test_all_hosts_lose_power(chosen: Chosen) -> None:
    after.lose_power(chosen)


def test_reset_leaves_nothing(chosen: Chosen) -> None:
    after.reset(chosen)
