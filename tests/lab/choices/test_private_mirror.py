"""Images from a mirror that wants a user and has an authority of its own; the release before the newest; overlay
over a network of the nodes' own."""

from __future__ import annotations

import base64
import json
import re
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.api import Lab
from tests.lab.choices import after, second_network
from tests.lab.choices.after import Chosen
from tests.lab.cluster import wait_until
from tests.lab.hosts import Host
from tests.lab.life import world

VERSION = "1.36.3"
NODES = ("cp1", "w1", "w2")
HOSTS_TOML = "/etc/containerd/certs.d/registry.k8s.io/hosts.toml"
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: default}
spec:
  nodeName: w1
  terminationGracePeriodSeconds: 0
  containers: [{name: it, image: "registry.k8s.io/e2e-test-images/agnhost:2.66.1", imagePullPolicy: Always}]
"""


def _changes(lab: Lab) -> dict[str, Any]:
    private = lab.release(VERSION).private_registry()
    mirror = {"endpoint": private["url"], "user": private["user"], "password": f"file:{private['passwordFile']}"}
    return {
        "kubernetesVersion": VERSION,
        "networking": {"podNetwork": "overlay"},
        "images": {"mirrors": {"registry.k8s.io": {**mirror, "caFile": private["caFile"]}}},
    }


def _prepared(hosts: Sequence[Host]) -> dict[str, Any]:
    """The nodes meet in a network of their own, on another interface than logins and downloads."""
    second_network.add(hosts)
    return {"nodes": second_network.nodes(hosts)}


_ARGUMENTS: set[bytes] = set()


@pytest.fixture(scope="module")
def chosen(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chosen]:
    """The installation, during which the arguments of all processes, here and on the hosts, are looked at."""
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    _ARGUMENTS.add(path.read_bytes())
                except OSError:
                    continue  # it ended meanwhile

    watcher = threading.Thread(target=sample)
    watcher.start()
    try:
        cluster = after.installed(lab, tmp_path_factory.mktemp("private-mirror"), 3, _changes, prepare=_prepared)
        found = next(cluster)
    finally:
        done.set()
        watcher.join()
    yield found
    cluster.close()


def _needles(lab: Lab) -> tuple[bytes, bytes]:
    """The password, and the header's value that it is in."""
    private = lab.private_registry()
    password = Path(private["passwordFile"]).read_bytes().strip()
    return password, base64.b64encode(private["user"].encode() + b":" + password)


@pytest.mark.covers(4, 12)
def test_it_is_installed(chosen: Chosen) -> None:
    """Every node runs the release, and every check of verify passed."""
    after.is_well(chosen)
    versions = chosen.cluster.kubectl("get nodes -o jsonpath={.items[*].status.nodeInfo.kubeletVersion}")
    assert versions.split() == [f"v{VERSION}"] * 3


@pytest.mark.covers(12)
def test_the_kubelet_pulls_with_the_login(chosen: Chosen) -> None:
    """A pod that always pulls starts; with another password in the node's file it does not, and a replay mends it."""
    cluster, host = chosen.cluster, chosen.cluster.host("w1")
    phase = "get pod {} -o jsonpath={{.status.phase}}"
    cluster.kubectl("apply -f -", stdin=POD.replace("NAME", "with"))
    wait_until(lambda: cluster.kubectl(phase.format("with")) == "Running", "a pod that pulled its image")
    host.run(f"sed -i 's/Basic .*\"/Basic bm9ib2R5Om5vbmU=\"/' {HOSTS_TOML}")
    cluster.kubectl("apply -f -", stdin=POD.replace("NAME", "without"))
    why = "get pod without -o jsonpath={.status.containerStatuses[0].state.waiting.reason}"
    wait_until(lambda: cluster.kubectl(why) in ("ErrImagePull", "ImagePullBackOff"), "a pull that is refused")
    ended = cluster.replay("--no-verify")
    assert (ended.code, ended.changed) == (0, [("w1", f"file {HOSTS_TOML}")]), ended
    cluster.kubectl("delete pod without --wait")
    cluster.kubectl("apply -f -", stdin=POD.replace("NAME", "without"))
    wait_until(lambda: cluster.kubectl(phase.format("without")) == "Running", "a pod with the login")
    cluster.kubectl("delete pod with without --wait")


@pytest.mark.covers(4)
def test_the_overlay_carries_whole_packets(chosen: Chosen) -> None:
    """From a pod to one on another node in one piece: 1450 bytes, the link's 1500 less VXLAN's 50, and not one more; a
    longer one goes in pieces."""
    cluster, host = chosen.cluster, chosen.cluster.host("w1")
    for name, node in (("here", "w1"), ("there", "w2")):
        cluster.kubectl("apply -f -", stdin=POD.replace("NAME", name).replace("nodeName: w1", f"nodeName: {node}"))
    cluster.kubectl("wait pod/here pod/there --for=condition=Ready --timeout=60s")
    target = cluster.kubectl("get pod there -o jsonpath={.status.podIP}")
    container = cluster.kubectl("get pod here -o jsonpath={.status.containerStatuses[0].containerID}")
    pid = host.run(f"ctr -n k8s.io tasks ls | awk '$1 == \"{container.removeprefix('containerd://')}\" {{print $2}}'")
    ping = f"nsenter -t {pid.stdout.strip()} -n ping -c2 -W2 {target}"
    assert host.run(f"{ping} -M do -s {1450 - 28}").status == 0
    too_long = host.run(f"{ping} -M do -s {1451 - 28}", check=False)
    assert too_long.status != 0 and "mtu=1450" in too_long.stderr
    assert host.run(f"{ping} -s 4000").status == 0


@pytest.mark.covers(42)
def test_the_overlay_runs_between_the_node_ips(chosen: Chosen) -> None:
    """Every forwarding entry leads to a peer's address in the network between the nodes, and packets start there."""
    hosts = chosen.cluster.hosts
    for host in hosts:
        link = host.run("ip -d link show kinstall-vxlan").stdout
        assert f" local {second_network.address_of(host)} " in link, link
        peers = re.findall(r" dst (\S+)", host.run("bridge fdb show dev kinstall-vxlan").stdout)
        assert sorted(peers) == sorted(second_network.address_of(other) for other in hosts if other is not host)


@pytest.mark.covers(4)
def test_what_somebody_deleted_of_the_overlay(chosen: Chosen) -> None:
    """A forwarding, a neighbour and a route entry, and then the device itself: planned, and mended by a replay."""
    cluster, host = chosen.cluster, chosen.cluster.host("w1")
    target = cluster.kubectl("get pod there -o jsonpath={.status.podIP}")
    hop = f"{target.rpartition('.')[0]}.0"
    mac = host.run(f"ip neigh show {hop} dev kinstall-vxlan").stdout.split()[2]
    entries = (
        f"bridge fdb del {mac} dev kinstall-vxlan dst {second_network.address_of(cluster.host('w2'))} self",
        f"ip neigh del {hop} dev kinstall-vxlan",
        f"ip route del {hop}/24",
    )
    for broken in (*entries, "ip link del kinstall-vxlan"):
        host.run(broken)
        assert world.planned(cluster) == {("w1", "script overlay")}, broken
    ended = cluster.replay()
    assert (ended.code, ended.changed) == (0, [("w1", "script overlay")]), ended
    assert host.run(f"ping -c2 -W2 {target}").status == 0
    cluster.kubectl("delete pod here there --wait")


def test_the_password_is_nowhere_else(lab: Lab, chosen: Chosen) -> None:
    """Not in output, logs, state folder, plan or arguments; on the hosts in one file, which only root reads."""
    needles = _needles(lab)

    def holds(data: bytes) -> bool:
        return any(needle in data for needle in needles)

    cluster = chosen.cluster
    assert not holds(f"{chosen.first.out}{chosen.first.err}".encode())
    shown = [cluster.run("plan", *words) for words in ((), ("--output", "json"))]
    assert not any(holds(f"{each.out}{each.err}".encode()) for each in shown)
    kept = [path for path in cluster.state.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in kept)
    assert [path for path in kept if holds(path.read_bytes())] == []
    everything = b"\n".join(_ARGUMENTS)
    assert b"images\0pull" in everything, "the samples are too few"
    assert not holds(everything)
    words = " ".join(f"-e {needle.decode()}" for needle in needles)
    for host in cluster.hosts:
        files = "find / /run /dev/shm -xdev -type f -size -1024k -print0"
        found = host.run(f"{files} | xargs -0 grep -lF {words} 2>/dev/null || :").stdout
        assert found.split() == [HOSTS_TOML]
        assert stat.S_IMODE((host.root / HOSTS_TOML.lstrip("/")).stat().st_mode) == 0o600
        assert not holds(host.run("journalctl --no-pager -o cat").stdout.encode())


def test_a_password_that_is_wrong(chosen: Chosen, lab: Lab, tmp_path: Path) -> None:
    """The step that has to pull fails, and its sentence says where the password is to be mended; then it goes on."""
    cluster, answers = chosen.cluster, chosen.cluster.answers.read_text()
    (tmp_path / "password").write_text("another-one")
    reference = f"file:{lab.private_registry()['passwordFile']}"
    cluster.answers.write_text(answers.replace(reference, f"file:{tmp_path}/password"))
    image = f"registry.k8s.io/coredns/coredns:{cluster.lab.describe()['releases'][VERSION]['coredns']}"
    cluster.host("w1").run(f"ctr -n k8s.io images rm --sync {image}")
    try:
        ended = cluster.run("replay", "--no-verify")
        assert ended.code == 4, ended
        assert "check user and password under images.mirrors" in ended.out + ended.err, ended
    finally:
        cluster.answers.write_text(answers)
    ended = cluster.replay("--no-verify")
    assert ended.code == 0, ended
    assert ("w1", f"image {image}") in ended.changed


def test_a_login_that_is_missing(chosen: Chosen, lab: Lab) -> None:
    """Preflight says that there is no password, with the code for it, and nothing is touched."""
    cluster, answers = chosen.cluster, chosen.cluster.answers.read_text()
    reference = f"file:{lab.private_registry()['passwordFile']}"
    assert reference in answers
    cluster.answers.write_text(answers.replace(reference, "env:KINSTALL_NOT_THERE"))
    try:
        before = {host.name: host.run("stat -c %z /var/lib/kinstall/record").stdout for host in cluster.hosts}
        ended = cluster.run("replay")
        assert ended.code == 3, ended
        assert "KINSTALL_NOT_THERE" in ended.out + ended.err
        told = json.loads(cluster.run("preflight", "--output", "json").out)
        assert "sources" in {each["check"] for each in told["findings"] if each["severity"] == "error"}
        assert before == {host.name: host.run("stat -c %z /var/lib/kinstall/record").stdout for host in cluster.hosts}
    finally:
        cluster.answers.write_text(answers)


def test_a_mirror_that_leaves_the_answers(chosen: Chosen, lab: Lab) -> None:
    """It leads into the registry's API, and containerd pulls through it. Its file goes from every node with the next
    replay; and a plan without the login does not show what it was."""
    cluster, answers = chosen.cluster, chosen.cluster.answers.read_text()
    path = "/etc/containerd/certs.d/registry.example.com/hosts.toml"
    data = yaml.safe_load(answers)
    plain = {"endpoint": f"{lab.describe()['registry']['url']}/v2/e2e-test-images"}
    private = lab.private_registry()
    try:
        data["images"]["mirrors"]["registry.example.com"] = plain
        cluster.answers.write_text(yaml.safe_dump(data))
        ended = cluster.replay("--no-verify")
        assert (ended.code, set(ended.changed)) == (0, {(node, f"file {path}") for node in NODES}), ended
        pulled = "ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d registry.example.com/agnhost:2.66.1"
        cluster.host("w1").run(f"{pulled} && ctr -n k8s.io images rm registry.example.com/agnhost:2.66.1")
        data["images"]["mirrors"] = {"registry.k8s.io": {"endpoint": private["url"], "caFile": private["caFile"]}}
        cluster.answers.write_text(yaml.safe_dump(data))
        for words in ((), ("--output", "json")):
            shown = cluster.run("plan", *words)
            assert f"file {HOSTS_TOML}" in shown.out
            assert "Basic" not in shown.out
            assert not any(needle.decode() in shown.out for needle in _needles(lab))
    finally:
        cluster.answers.write_text(answers)
    ended = cluster.replay("--no-verify")
    assert (ended.code, set(ended.changed)) == (0, {(node, "script no other mirrors") for node in NODES}), ended
    assert not any((host.root / path.lstrip("/")).exists() for host in cluster.hosts)


def test_nothing_is_left_to_do(chosen: Chosen) -> None:
    """A second replay changes nothing."""
    after.nothing_to_do(chosen)


def test_all_hosts_lose_power(chosen: Chosen) -> None:
    """Off and on again: verify passes."""
    after.lose_power(chosen)


def test_reset_leaves_nothing(chosen: Chosen) -> None:
    """The hosts are as before; the login and the authority are gone with the rest."""
    after.reset(chosen)
