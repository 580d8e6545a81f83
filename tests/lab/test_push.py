"""A host without curl and wget: what it cannot fetch is sent over SSH."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.lab.api import Lab
from tests.lab.cluster import Cluster
from tests.lab.hosts import Host


def test_release_files_are_sent(lab: Lab, bare_hosts: Callable[[int], list[Host]], tmp_path: Path) -> None:
    """Without curl and wget preflight warns, the files arrive with the right checksums, and nothing stays behind; the
    mirror is asked by this machine alone."""
    hosts = bare_hosts(1)
    cluster = Cluster(lab, hosts, tmp_path)
    hosts[0].run("mv /usr/bin/curl /usr/bin/curl.away; ! command -v wget")
    before = lab.mirror_log.read_text().count(hosts[0].address)
    ended = cluster.replay("--until", "download")
    assert ended.code == 0, ended
    assert "neither curl nor wget is installed" in ended.out
    assert lab.mirror_log.read_text().count(hosts[0].address) == before
    sizes = (
        hosts[0].run("/usr/local/bin/kubelet --version; /usr/local/bin/containerd --version; ls /opt/cni/bin").stdout
    )
    assert "Kubernetes v1.37.2" in sizes and "containerd" in sizes and "bridge" in sizes
    assert hosts[0].run("ls -A /var/lib/kinstall").stdout.split() == [
        "backup",
        "cluster.json",
        "marks",
        "record",
        "saved",
    ]
    assert cluster.replay("--until", "download").last["changed"] == 0
    assert cluster.reset().code == 0
