"""The server tarball, and folders of files and of image archives: hosts without any route to a mirror or a registry."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import network
from tests.lab.api import Lab
from tests.lab.choices import after
from tests.lab.choices.after import Chosen
from tests.lab.cluster import wait_until

VERSION = "1.35.4"
OWN = "example.com/ours/application:1"
ETCD = "quay.io/coreos/etcd:v3.6.14"
_CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
POD = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: application, namespace: default}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{{name: it, image: "{OWN}", imagePullPolicy: IfNotPresent}}]
"""


def _changes(lab: Lab, folder: Path) -> dict[str, Any]:
    carried = lab.offline(VERSION)
    sites = dict.fromkeys(("kubernetes", "containerd", "runc", "cniPlugins", "sha256"))
    archives = Path(carried["archives"])
    for name in ("pause", "coredns", "agnhost"):
        (folder / f"{name}.tar").symlink_to(archives / f"{name}.tar")
    _renamed(archives / "etcd.tar", folder / "etcd.tar", ETCD)
    _renamed(archives / "pause.tar", folder / "application.tar", OWN)
    return {
        "kubernetesVersion": VERSION,
        "downloads": {**sites, "serverTarball": carried["tarball"], "folder": carried["binaries"]},
        "images": {"mirrors": None, "source": "archives", "archives": str(folder), "etcd": ETCD},
    }


def _renamed(archive: Path, target: Path, name: str) -> None:
    """The same image in an archive under another name."""
    with tarfile.open(archive) as source, tarfile.open(target, "w") as copy:
        for member in source:
            content = source.extractfile(member)
            assert content
            data = content.read()
            if member.name == "manifest.json":
                data = json.dumps([{**json.loads(data)[0], "RepoTags": [name]}]).encode()
                member.size = len(data)
            copy.addfile(member, io.BytesIO(data))


@pytest.fixture(scope="module")
def cut_off(lab: Lab) -> Iterator[None]:
    """Nothing that these hosts send to the mirror or a registry arrives, as long as the tests run."""
    hosts = lab.bare_hosts(2)
    table = f"inet {network.TABLE_PREFIX}cut_{os.getpid()}"
    addresses, ports = ", ".join(host.address for host in hosts), "8000, 5000, 5443"
    drop = f"ip saddr {{ {addresses} }} tcp dport {{ {ports} }} drop"
    rules = f"table {table} {{\nchain input {{\ntype filter hook input priority -10\n{drop}\n}}\n}}\n"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", *table.split()], check=True)


@pytest.fixture(scope="module")
def chosen(lab: Lab, cut_off: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chosen]:
    archives = tmp_path_factory.mktemp("archives")
    home = tmp_path_factory.mktemp("tarball")
    cache = {"XDG_CACHE_HOME": str(home)}  # half a gigabyte that nobody needs afterwards
    yield from after.installed(lab, home, 2, lambda lab: _changes(lab, archives), cache)


@pytest.mark.covers(10, 12)
def test_it_is_installed(lab: Lab, chosen: Chosen) -> None:
    """Every node runs the release, every check of verify passed, and nobody but the operator had anything to give."""
    after.is_well(chosen)
    versions = chosen.cluster.kubectl("get nodes -o jsonpath={.items[*].status.nodeInfo.kubeletVersion}")
    assert versions.split() == [f"v{VERSION}"] * 2
    for host in chosen.cluster.hosts:
        for port in (8000, 5000, 5443):
            assert host.run(f"timeout 0.5 bash -c '</dev/tcp/10.90.0.1/{port}'", check=False).status != 0
    kubectl = chosen.cluster.state / "bin/kubectl"
    assert VERSION in subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True).stdout


@pytest.mark.covers(12)
def test_images_are_called_by_their_plain_names(chosen: Chosen) -> None:
    """The names with the architecture are gone, a worker has no image of the control plane, and the kubelet's cleaning
    up leaves all of them alone."""
    for host, own in zip(chosen.cluster.hosts, (_CONTROL_PLANE, ()), strict=True):
        listed = host.run("ctr -n k8s.io images ls").stdout.splitlines()[1:]
        found = {line.split()[0]: line for line in listed if not line.startswith("sha256:")}
        stems = {name.rpartition(":")[0].rpartition("/")[2] for name in found}
        assert stems == {"pause", "coredns", "agnhost", "application", *own}
        assert all("io.cri-containerd.pinned=pinned" in line for line in found.values())
        for name in own[1:]:
            assert f"registry.k8s.io/{name}:v{VERSION}" in found


@pytest.mark.covers(13)
def test_etcd_of_another_registry(chosen: Chosen) -> None:
    """etcd runs from the image that the answers name in full; the release's own tag is not asked for."""
    pod = "get pod -n kube-system etcd-cp1 -o jsonpath={.spec.containers[0].image}"
    assert chosen.cluster.kubectl(pod) == ETCD


@pytest.mark.covers(12)
def test_an_application_of_the_operators_own(chosen: Chosen) -> None:
    """A pod runs the image that lay among the archives."""
    cluster = chosen.cluster
    cluster.kubectl("apply -f -", stdin=POD)
    phase = "get pod application -o jsonpath={.status.phase}"
    wait_until(lambda: cluster.kubectl(phase) == "Running", "a pod of an image that was sent")
    cluster.kubectl("delete pod application --wait")


def test_nothing_of_the_sending_stays(chosen: Chosen) -> None:
    """What was sent lies in its place, and nowhere a second time."""
    usual = ["backup", "cluster.json", "marks", "record", "saved"]
    control_plane, *workers = chosen.cluster.hosts
    for host, expected in ((control_plane, [*usual, "taints"]), *((worker, usual) for worker in workers)):
        assert sorted(host.run("ls -A /var/lib/kinstall").stdout.split()) == expected


def test_the_plan_says_where_things_come_from(chosen: Chosen) -> None:
    """An image that somebody removed would come out of its archive, a program out of the tarball; a replay does it."""
    cluster, host = chosen.cluster, chosen.cluster.host("w1")
    host.run("ctr -n k8s.io images rm registry.k8s.io/e2e-test-images/agnhost:2.66.1; rm /usr/local/bin/kube-proxy")
    sources = {change["step"]: change["source"] for change in cluster.plan()["changes"] if change["source"]}
    assert {step: Path(source).name for step, source in sources.items()} == {
        "image registry.k8s.io/e2e-test-images/agnhost:2.66.1": "agnhost.tar",
        "download /usr/local/bin/kube-proxy": "kube-proxy",
    }
    assert ".tar.gz#kubernetes/server/bin/" in sources["download /usr/local/bin/kube-proxy"]
    ended = cluster.replay("--no-verify")
    assert ended.code == 0, ended
    assert {step for _, step in ended.changed} == {*sources, "unit kube-proxy.service"}


def test_an_archive_that_is_missing(chosen: Chosen, tmp_path: Path) -> None:
    """Preflight names the image that no archive holds, and nothing is touched."""
    cluster, answers = chosen.cluster, chosen.cluster.answers.read_text()
    (folder,) = (line.split()[-1] for line in answers.splitlines() if line.startswith("  archives:"))
    for path in Path(folder).iterdir():
        if path.name != "etcd.tar":
            (tmp_path / path.name).symlink_to(path)
    cluster.answers.write_text(answers.replace(folder, str(tmp_path)))
    try:
        ended = cluster.run("preflight", "--output", "json")
        assert ended.code == 3, ended
        told = [each for each in json.loads(ended.out)["findings"] if each["severity"] == "error"]
        assert [each["check"] for each in told] == ["sources"]
        assert f"holds {ETCD} for amd64" in told[0]["message"]
        assert cluster.run("replay").code == 3
    finally:
        cluster.answers.write_text(answers)


def test_nothing_is_left_to_do(chosen: Chosen) -> None:
    """A second replay changes nothing."""
    after.nothing_to_do(chosen)


def test_all_hosts_lose_power(chosen: Chosen) -> None:
    """Off and on again: verify passes."""
    after.lose_power(chosen)


def test_reset_leaves_nothing(chosen: Chosen) -> None:
    """The hosts are as before."""
    after.reset(chosen)
