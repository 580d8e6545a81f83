"""Reset on hosts where much is a link, a mount or on another disk: nothing of the operator's is taken away.

What is in use stays and is named, and everything else is as it was before. The tests stand in an order and share one
cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from kinstall.errors import EXIT_NODE_FAILED
from tests.lab import api
from tests.lab.api import Lab
from tests.lab.cluster import Cluster, Ended, wait_until
from tests.lab.hosts import Host

# Two disks of the host's own. Most of what Kubernetes fills is on the first: by links, by one to a place below a link,
# by a bind mount; containerd's folder is all of the second one, which has ext4's own lost+found in it.
DISKS = """\
set -e
for n in 0 1 2 3 4 5 6 7; do [ -e /dev/loop$n ] || mknod -m 660 /dev/loop$n b 7 $n; done
[ -e /dev/loop-control ] || mknod -m 660 /dev/loop-control c 10 237
umount /var/lib/kubelet /var/lib/containerd
mkdir /srv/disk
for disk in disk containerd; do
  truncate -s 8G /srv/$disk.img
  mkfs.ext4 -q -F /srv/$disk.img
done
mount -o loop /srv/disk.img /srv/disk
mount -o loop /srv/containerd.img /var/lib/containerd
ln -s /srv/disk /data
cd /srv/disk
mkdir -p -m 0711 kubelet logs cni containers pv 'host/a b' own in-use
mkdir -m 0700 kubernetes etcd
rmdir /var/lib/kubelet
ln -s /data/kubelet /var/lib/kubelet
ln -s /srv/disk/logs /var/log/pods
ln -s ../srv/disk/cni /opt/cni
ln -s /data/kubernetes /etc/kubernetes
mkdir -m 0711 /var/log/containers
mount --bind containers /var/log/containers
for each in pv 'host/a b' own in-use; do
  echo "$each" >"$each/file"
  mkdir "$each/.hidden"
  ln -s "$each" "$each/.hidden/link"
  chown -R 12:34 "$each"
  chmod 0640 "$each/file"
done
"""

POD = """\
apiVersion: v1
kind: PersistentVolume
metadata: {name: local}
spec:
  capacity: {storage: 1Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  local: {path: /data/pv}
  claimRef: {namespace: default, name: local}
  nodeAffinity:
    required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [w1]}]}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: local, namespace: default}
spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeName: local, resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: pod, namespace: default}
spec:
  nodeName: w1
  volumes:
  - {name: local, persistentVolumeClaim: {claimName: local}}
  - {name: host, hostPath: {path: /data/host}}
  - {name: memory, emptyDir: {medium: Memory}}
  - {name: disk, emptyDir: {}}
  containers:
  - name: pod
    image: registry.k8s.io/e2e-test-images/agnhost:2.66.1
    args: [pause]
    volumeMounts:
    - {name: local, mountPath: /local}
    - {name: host, mountPath: /host, subPath: a b}
    - {name: memory, mountPath: /memory}
    - {name: disk, mountPath: /disk, subPath: below}
"""

# Type, mode, owner, where a link leads, and what is in it, of all that could be touched.
_TREES = """\
cd /
for place in /srv/disk /var/lib /var/lib/containerd /var/log/pods /var/log/containers /opt /etc /usr/local /data; do
  find "$place" -xdev -printf '%p %y %m %u:%g %l\\n' -type f -exec sha256sum {} +
done | grep -v '^/var/lib/systemd/\\|/\\.pwd\\.lock' | sort
findmnt --list --noheadings --output TARGET,SOURCE,FSTYPE | grep -E '^/(srv|var|opt|etc|data)' | sed 's/^/mount /'
"""
_OWN = "cd /srv/disk && find pv host own in-use -printf '%p %y %m %u:%g %l\\n' -type f -exec sha256sum {} + | sort"
_BUSY = "/srv/disk/kubelet/in use"


@dataclass(frozen=True)
class Disks:
    """The cluster; of each node all trees before it came; the operator's own files on the worker."""

    cluster: Cluster
    before: dict[str, list[str]]
    own: list[str]
    first: Ended


def lines(host: Host, code: str) -> list[str]:
    return host.run(code).stdout.splitlines()


def differs(before: Sequence[str], after: Sequence[str]) -> list[str]:
    return sorted(
        [*(f"- {line}" for line in set(before) - set(after)), *(f"+ {line}" for line in set(after) - set(before))]
    )


@pytest.fixture(scope="module")
def disks(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disks]:
    """A control plane and a worker on such hosts, a pod with volumes of all kinds, and two mounts of the operator's in
    the kubelet's folder that came later."""
    hosts = lab.bare_hosts(2)
    try:
        for host in hosts:
            host.run(DISKS)
        hosts[0].run("ln -s /data/etcd /var/lib/etcd")
        before = {node: lines(host, _TREES) for node, host in zip(("cp1", "w1"), hosts, strict=True)}
        own = lines(hosts[1], _OWN)
        cluster = Cluster(lab, hosts, tmp_path_factory.mktemp("disks"))
        first = cluster.replay()
        assert first.code == 0, first
        yield Disks(cluster, before, own, first)
    finally:
        api.in_parallel(Host.power_off, hosts)


def test_links_and_mounts_are_as_good_as_folders(disks: Disks) -> None:
    """It is installed there; a second replay finds no mode that it would change, of a link or of anything else."""
    again = disks.cluster.replay()
    assert (again.code, again.changed) == (0, []), again
    assert disks.cluster.host("w1").run("ls /srv/disk/kubelet/config.yaml; stat -c %a /srv/disk/kubelet").status == 0


def test_pods_use_the_operators_files(disks: Disks) -> None:
    """A pod has the operator's files through a local volume and a subPath, and they are in the kubelet's folder."""
    disks.cluster.kubectl("apply -f -", stdin=POD)
    ready = "get pod pod -o jsonpath={.status.phase}"
    wait_until(lambda: disks.cluster.kubectl(ready) == "Running", "the pod", 60)
    assert disks.cluster.kubectl("exec pod -- cat /local/file /host/file") == "pv\nhost/a b\n"
    worker = disks.cluster.host("w1")
    worker.run(
        "cd /var/lib/kubelet; mkdir mine 'in use'; mount --bind /data/own mine; mount --bind /data/in-use 'in use'"
    )
    mounts = worker.run("cut -d' ' -f2,3 /proc/mounts").stdout
    for part in ("local-volume/local ext4", "/volume-subpaths/", "empty-dir/memory tmpfs", "/kubelet/mine ext4"):
        assert part in mounts


def test_what_is_in_use_stays_and_is_named(disks: Disks) -> None:
    """A process works in one of the operator's mounts: the worker's reset fails and names it; what is behind every
    mount is untouched, and that mount is all that is left of the kubelet's folder."""
    worker = disks.cluster.host("w1")
    pid = worker.run(f"cd '{_BUSY}' && {{ sleep 600 >/dev/null 2>&1 </dev/null & echo $!; }}").stdout.strip()
    ended = disks.cluster.reset("--node", "w1")
    assert ended.code == EXIT_NODE_FAILED, ended
    assert f"{_BUSY} is in use and cannot be unmounted" in ended.err, ended
    assert lines(worker, _OWN) == disks.own
    assert lines(worker, "ls -A /var/lib/kubelet/ '/var/lib/kubelet/in use'")[1:3] == ["in use", ""]
    assert lines(worker, f"cat '{_BUSY}/file'; ls /var/lib/kinstall/record") == ["in-use", "/var/lib/kinstall/record"]
    worker.run(f"kill {pid}")


def test_the_worker_is_as_before(disks: Disks) -> None:
    """The process has ended: reset goes on, and nothing differs: links, their targets' modes, mounts, content."""
    ended = disks.cluster.reset("--node", "w1")
    assert ended.code == 0, ended
    assert differs(disks.before["w1"], lines(disks.cluster.host("w1"), _TREES)) == []


def test_the_control_plane_is_as_before(disks: Disks) -> None:
    """The rest of the cluster: etcd's folder and /etc/kubernetes are links, too."""
    assert disks.cluster.host("cp1").run("ls /srv/disk/etcd/member /srv/disk/kubernetes/pki/ca.key").status == 0
    ended = disks.cluster.reset()
    assert ended.code == 0, ended
    assert differs(disks.before["cp1"], lines(disks.cluster.host("cp1"), _TREES)) == []
    assert differs(disks.before["w1"], lines(disks.cluster.host("w1"), _TREES)) == []
