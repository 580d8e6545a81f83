"""Hosts that are not fit: `replay` ends with exit 3, names every cause at its node, and has changed nothing anywhere.

Each round gives each of three hosts a fault of its own. All findings come from one run, as an operator meets them.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from kinstall.errors import EXIT_PREFLIGHT
from tests.lab.api import Lab, in_parallel
from tests.lab.cluster import Cluster, Ended
from tests.lab.demo import merged
from tests.lab.hosts import Host
from tests.lab.network import BRIDGE
from tests.lab.shell import run
from tests.lab.snapshot import difference
from tests.lab.tree import ADMIN_PASSWORD

NODES = ("cp1", "w1", "w2")
ELSEWHERE = "10.90.0.250"
OTHER_KEY = f"SHA256:{'A' * 43}"
SECRETS = {"WRONG": "canary-wrong-sudo-41be", "RIGHT": ADMIN_PASSWORD}


def nothing(host: Host) -> None:
    """Nothing to do on the host itself: the answers are what does not fit."""


@dataclass(frozen=True)
class Fault:
    """`check` and `words` are what the finding must say; `node` is merged over the node's answers, `top` over all."""

    check: str
    words: str
    set_up: Callable[[Host], object] = nothing
    mend: Callable[[Host], object] = nothing
    node: Mapping[str, Any] = field(default_factory=dict)
    top: Mapping[str, Any] = field(default_factory=dict)


def on_host(command: str, undo: str) -> dict[str, Any]:
    return {"set_up": lambda host: host.run(command), "mend": lambda host: host.run(undo)}


def listening(port: int) -> dict[str, Any]:
    unit = f"lab-listener-{port}"
    wait = f"until ss -Hltn 'sport = :{port}' | grep -q .; do sleep 0.1; done"
    start = f"systemd-run -q --unit={unit} socat TCP-LISTEN:{port},fork,reuseaddr EXEC:cat && {wait}"
    return on_host(start, f"systemctl stop {unit}")


def has_another_address(host: Host) -> None:
    """The host is reached under an address that none of its interfaces has, as behind NAT."""
    run(["ip", "route", "replace", f"{ELSEWHERE}/32", "via", host.address, "dev", BRIDGE])
    host.run(
        "nft add table ip lab-nat && nft 'add chain ip lab-nat in { type nat hook prerouting priority -100; }'"
        f" && nft add rule ip lab-nat in ip daddr {ELSEWHERE} dnat to {host.address}"
    )


def has_its_own_address(host: Host) -> None:
    run(["ip", "route", "delete", f"{ELSEWHERE}/32"])
    host.run("nft delete table ip lab-nat")


FOREIGN = '{"cluster": "shop", "caFingerprint": "00", "node": "cp7", "podCIDR": "10.1.0.0/24"}'
CLONE_OF_W1 = "cp -a /etc/machine-id /run/machine-id.own && printf '%s\\n' {} >/etc/machine-id"

ROUNDS: dict[str, dict[str, Fault]] = {
    "login": {
        "cp1": Fault("ssh", "nothing listens on port 2222", node={"ssh": {"port": 2222}}),
        "w1": Fault("ssh", "does not let root in; tried the key", node={"ssh": {"identityFile": "another-key"}}),
        "w2": Fault("host-key", "the host key has changed", node={"hostKey": OTHER_KEY}),
    },
    "sudo": {
        "cp1": Fault("host-key", "no trusted source knows this host", node={"hostKey": None}),
        "w1": Fault(
            "ssh",
            "sudo does not allow admin to run sh as root",
            node={"ssh": {"user": "admin", "sudoPassword": "env:RIGHT"}},
            **on_host("mv /etc/sudoers.d/admin /root/admin.away", "mv /root/admin.away /etc/sudoers.d/admin"),
        ),
        "w2": Fault(
            "ssh",
            "sudo refuses the password of admin",
            node={"ssh": {"user": "admin", "sudoPassword": "env:WRONG"}},
        ),
    },
    "away": {
        "cp1": Fault("ssh", "sudo asks admin for a password, and none was given", node={"ssh": {"user": "admin"}}),
        "w1": Fault("ssh", "no answer from port 22", Host.cut_link, Host.restore_link),
        "w2": Fault("ssh", "10.90.0.", Host.power_off, Host.power_on),
    },
    "machine": {
        "cp1": Fault("disk", "free for /var/lib/containerd", Host.fill_disk, Host.free_disk),
        "w1": Fault(
            "swap",
            "swap is on (/dev/vdb)",
            Host.swap_on,
            Host.swap_off,
            top={"components": {"kubelet": {"config": {"failSwapOn": True}}}},
        ),
        "w2": Fault("clock", "the clock is 1 hour ahead", lambda host: host.wrong_clock(3600), Host.right_clock),
    },
    "taken": {
        "cp1": Fault("ports", "6443 (kube-apiserver) by socat", **listening(6443)),
        "w1": Fault("ports", "10250 (kubelet) by socat", **listening(10250)),
        "w2": Fault(
            "container-runtime",
            "docker is already running",
            **on_host(
                "printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/run/systemd/system/docker.service"
                " && systemctl daemon-reload && systemctl start docker",
                "systemctl stop docker; rm /run/systemd/system/docker.service; systemctl daemon-reload",
            ),
        ),
    },
    "other clusters": {
        "cp1": Fault(
            "leftovers",
            "there are files of another cluster: /etc/kubernetes/",
            **on_host(
                "mkdir -p /etc/kubernetes/manifests /var/lib/etcd/member && touch /etc/kubernetes/manifests/etcd.yaml",
                "rm -r /etc/kubernetes /var/lib/etcd",
            ),
        ),
        "w1": Fault(
            "cluster",
            "the node belongs to the cluster shop",
            **on_host(
                f"mkdir -m 700 /var/lib/kinstall && echo '{FOREIGN}' >/var/lib/kinstall/cluster.json",
                "rm -r /var/lib/kinstall",
            ),
        ),
        "w2": Fault(
            "cni-config",
            "/etc/cni/net.d/87-podman.conflist",
            **on_host(
                "mkdir -p /etc/cni/net.d && echo '{}' >/etc/cni/net.d/87-podman.conflist", "rm -r /etc/cni/net.d"
            ),
        ),
    },
    "odd": {
        "cp1": Fault("tools", "not found: tar", **on_host("mv /usr/bin/tar /root/tar", "mv /root/tar /usr/bin/tar")),
        "w1": Fault("default-route", "no default route", **on_host(
            "ip route show default >/run/lab-default && ip route delete default",
            "ip route add $(cat /run/lab-default) && rm /run/lab-default"),
        ),
        "w2": Fault(
            "address",
            f"{ELSEWHERE} is on none of the node's interfaces",
            has_another_address,
            has_its_own_address,
            node={"address": ELSEWHERE},
        ),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> list[Host]:
    return lab.bare_hosts(3)


@pytest.fixture
def cluster(lab: Lab, hosts: list[Host], tmp_path: Path) -> Cluster:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "another-key"], check=True)
    return Cluster(lab, hosts, tmp_path, {"ssh": {"connectTimeout": 5}})


def write(cluster: Cluster, nodes: Mapping[str, Mapping[str, Any]], top: Mapping[str, Any]) -> None:
    """The cluster's answers with `nodes` (by name) and `top` merged over them."""
    answers = merged(yaml.safe_load(cluster.answers.read_text()), top)
    answers["nodes"] = [merged(each, nodes.get(each["name"], {})) for each in answers["nodes"]]
    text = yaml.safe_dump(answers).replace("another-key", str(cluster.home / "another-key"))
    cluster.answers.write_text(text)


@pytest.fixture
def faults(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[dict[str, Fault]]:
    """The round's faults, set up; they are mended again whatever happens."""
    chosen = ROUNDS[request.param]
    broken: list[str] = []
    try:
        for node, fault in chosen.items():
            broken.append(node)
            fault.set_up(cluster.host(node))
        top: dict[str, Any] = {}
        for fault in chosen.values():
            top = merged(top, fault.top)
        write(cluster, {node: fault.node for node, fault in chosen.items()}, top)
        yield chosen
    finally:
        for node in broken:
            chosen[node].mend(cluster.host(node))


def alone(cluster: Cluster) -> dict[str, str]:
    """An environment in which no host is known and no key is at hand but what the answers say."""
    return {"HOME": str(cluster.home), "SSH_AUTH_SOCK": "", **SECRETS}


def snapshots(cluster: Cluster) -> dict[str, dict[str, str]]:
    """What the hosts that run look like."""
    found: dict[str, dict[str, str]] = {}

    def take(host: Host) -> None:
        if host.pid is not None:
            found[host.name] = host.snapshot()

    in_parallel(take, cluster.hosts)
    return found


def errors(ended: Ended) -> dict[str, list[tuple[str, str, str]]]:
    """Node → (check, message, remedy) of the findings that are errors."""
    told: dict[str, list[tuple[str, str, str]]] = {}
    for finding in json.loads(ended.err)["findings"]:
        if finding["severity"] == "error":
            told.setdefault(finding["node"], []).append((finding["check"], finding["message"], finding["remedy"]))
    return told


@pytest.mark.parametrize("faults", ROUNDS, indirect=True)
def test_refused_and_untouched(cluster: Cluster, faults: dict[str, Fault]) -> None:
    """Exit 3, each fault named at its node with what to do about it and nothing else found, every host as before."""
    before = snapshots(cluster)
    ended = cluster.run("replay", "--output", "json", env=alone(cluster))
    after = snapshots(cluster)
    assert ended.code == EXIT_PREFLIGHT, ended
    told = errors(ended)
    for node, fault in faults.items():
        assert [check for check, _, _ in told.get(node, [])] == [fault.check], (node, told)
        ((_, message, remedy),) = told[node]
        assert fault.words in message, message
        assert remedy
    assert "nothing was changed" in json.loads(ended.err)["what"]
    for secret in (*SECRETS.values(), "Traceback"):
        assert secret not in ended.out + ended.err
    assert not [event for event in ended.events if event["event"] == "runStarted"]
    assert {name: difference(before[name], after[name]) for name in before} == {name: [] for name in before}


def test_clones(cluster: Cluster) -> None:
    """Two machines from one disk image: their shared machine-id is an error of the cluster; in text, a readable row."""
    twin = cluster.host("w2")
    twin.run(CLONE_OF_W1.format(cluster.host("w1").machine_id))
    try:
        ended = cluster.run("replay")
    finally:
        twin.run("cp -a /run/machine-id.own /etc/machine-id && rm /run/machine-id.own")
    assert ended.code == EXIT_PREFLIGHT, ended
    assert "w1, w2 have the same machine-id" in ended.err, ended
    assert "systemd-machine-id-setup" in ended.err


def test_mended(cluster: Cluster) -> None:
    """The same hosts pass once the faults are gone: it was the faults that were found."""
    ended = cluster.run("preflight")
    assert ended.code == 0, ended
