"""What somebody changed on the nodes behind kinstall's back: the plan names it, a replay mends it and only that.

These tests run in order, on the cluster that all files in this folder share.
"""

from dataclasses import dataclass
from itertools import zip_longest

import pytest

from kinstall.answers import load
from kinstall.cluster.image_names import ImageName
from kinstall.cluster.release_files import image_refs
from tests.lab.cluster import Cluster
from tests.lab.life.world import Life, answers_everywhere, is_well, moved, nothing_to_do, planned

SCHEDULER = "/etc/kubernetes/manifests/kube-scheduler.yaml"


@dataclass(frozen=True)
class Drift:
    """`breaks` is done on `node`; `steps` are all that may change there, and `mended` shows that it did."""

    name: str
    node: str
    breaks: str
    steps: tuple[str, ...]
    mended: str


DRIFTS = (
    Drift(
        "a control-plane manifest edited by hand",
        "cp1",
        f"sed -i 's/--leader-elect=true/--leader-elect=false/' {SCHEDULER}"
        " && for i in $(seq 100); do pgrep -f '[k]ube-scheduler.*leader-elect=false' && break; sleep 0.3; done",
        (f"file {SCHEDULER}",),
        "for i in $(seq 200); do pgrep -f '[k]ube-scheduler.*leader-elect=true' && exit 0; sleep 0.3; done; exit 1",
    ),
    Drift(
        "a deleted route",
        "w1",
        "ip route del $(ip route show proto 57 | head -n 1)",
        ("script routes",),
        "[ $(ip route show proto 57 | wc -l) = 2 ]",
    ),
    Drift(
        "a stopped containerd",
        "w2",
        "systemctl stop containerd",
        ("unit containerd.service",),
        "ctr -n k8s.io containers ls -q | grep -q .",
    ),
    Drift(
        "a removed binary",
        "w1",
        "rm /usr/local/bin/kubelet",
        # The kubelet that runs is the removed one: it starts again from the file that is there.
        ("download /usr/local/bin/kubelet", "unit kubelet.service"),
        "/usr/local/bin/kubelet --version && readlink /proc/$(systemctl show -P MainPID kubelet)/exe | grep -v deleted",
    ),
    Drift(
        "a removed CNI plugin",
        "w2",
        "rm /opt/cni/bin/bridge",
        ("download cni-plugins-linux-amd64-v1.9.1.tgz",),
        "[ -x /opt/cni/bin/bridge ]",
    ),
    Drift(
        "a changed kubelet configuration",
        "w2",
        "sed -i 's/^clusterDomain: .*/clusterDomain: example.org/' /var/lib/kubelet/config.yaml",
        ("file /var/lib/kubelet/config.yaml", "unit kubelet.service"),
        "grep -q '^clusterDomain: \"*cluster.local' /var/lib/kubelet/config.yaml",
    ),
    Drift(
        "a file that others may read now",
        "w1",
        "chmod 0644 /etc/kubernetes/kubelet.conf",
        ("file /etc/kubernetes/kubelet.conf", "unit kubelet.service"),
        "[ $(stat -c %a /etc/kubernetes/kubelet.conf) = 600 ]",
    ),
    Drift(
        "a unit that would not start at boot",
        "w1",
        "systemctl disable -q kube-proxy",
        ("unit kube-proxy.service",),
        "systemctl is-enabled kube-proxy",
    ),
    Drift(
        "a killed unit",
        "w1",
        "systemctl stop kube-proxy",
        ("unit kube-proxy.service",),
        "systemctl is-active kube-proxy",
    ),
    Drift(
        "our rules flushed",
        "w2",
        "nft delete table ip kinstall",
        ("script masquerade",),
        "nft list table ip kinstall | grep -q masquerade",
    ),
    Drift(
        "a sysctl set back",
        "w2",
        "sysctl -qw net.ipv4.ip_forward=0",
        ("script sysctls",),
        "[ $(cat /proc/sys/net/ipv4/ip_forward) = 1 ]",
    ),
    Drift(
        "a removed image",
        "w2",
        "ctr -n k8s.io images rm {coredns}",
        ("image {coredns}",),
        "ctr -n k8s.io images ls -q | grep -qx {coredns}",
    ),
    Drift(
        "the CoreDNS Deployment deleted",
        "cp1",
        "{kubectl} -n kube-system delete deployment coredns",
        ("script CoreDNS",),
        "{kubectl} -n kube-system rollout status deployment coredns --timeout=60s",
    ),
    Drift(
        "a removed node label",
        "cp1",
        "{kubectl} label node cp1 node-role.kubernetes.io/control-plane-",
        ("script cluster objects",),
        "{kubectl} get nodes -l node-role.kubernetes.io/control-plane -o name | grep -qx node/cp1",
    ),
    Drift(
        "a removed taint",
        "cp1",
        "{kubectl} taint node cp1 node-role.kubernetes.io/control-plane-",
        ("script taints",),
        "{kubectl} get node cp1 -o jsonpath={.spec.taints[*].key} | grep -q control-plane",
    ),
)
ROUNDS = tuple(
    tuple(drift for drift in each if drift)
    for each in zip_longest(*([drift for drift in DRIFTS if drift.node == node] for node in ("cp1", "w1", "w2")))
)
"""One drift per node at a time: what a round may change is told apart by its node."""
KUBECTL = "HOME=/run/kinstall/home kubectl --kubeconfig=/etc/kubernetes/admin.conf"


@pytest.mark.parametrize("drifts", ROUNDS, ids=lambda drifts: ", ".join(drift.name for drift in drifts))
@pytest.mark.covers(8)
def test_named_by_the_plan_and_mended_alone(life: Life, drifts: tuple[Drift, ...]) -> None:
    """The plan tells exactly these steps and does nothing; the replay carries out exactly these; then all is quiet."""
    try:
        _mended_alone(life, drifts)
    except BaseException:
        life.cluster.replay("--no-verify")  # the tests after this one shall see a cluster without it
        raise


def _filled(text: str, cluster: Cluster) -> str:
    coredns = ImageName.parse(image_refs(load.load(cluster.answers)).coredns).stored
    return text.replace("{kubectl}", KUBECTL).replace("{coredns}", coredns)


def _mended_alone(life: Life, drifts: tuple[Drift, ...]) -> None:
    cluster = life.cluster
    for drift in drifts:
        cluster.host(drift.node).run(_filled(drift.breaks, cluster), timeout=90)
    wanted = {(drift.node, _filled(step, cluster)) for drift in drifts for step in drift.steps}
    before = _still(life)
    assert planned(cluster) == wanted
    assert moved(before, _still(life)) == []
    ended = cluster.replay("--no-verify")
    assert ended.code == 0, ended
    assert set(ended.changed) == wanted
    assert ended.last["changed"] == len(wanted)
    for drift in drifts:
        cluster.host(drift.node).run(_filled(drift.mended, cluster), timeout=90)
    broken = {cluster.host(drift.node).name for drift in drifts}
    others = {name: lines for name, lines in before.items() if name not in broken}
    assert moved(others, _still(life), "/run/kinstall/") == []
    assert planned(cluster) == set()


def _still(life: Life) -> dict[str, list[str]]:
    """What a plan must not move. The kubelet may be about to end or start containers, so they are left out."""
    listing = life.everybody(run_folder=True)
    return {name: [line for line in lines if not line.startswith("container ")] for name, lines in listing.items()}


def test_a_unit_that_only_was_not_enabled_is_not_restarted(life: Life) -> None:
    """Nor are the containers under a containerd that is started again: pods outlive their manager."""
    host = life.cluster.host("w1")
    listing = "systemctl show -P ActiveEnterTimestampMonotonic kubelet; ctr -n k8s.io tasks ls -q | sort"
    before = host.run(listing).stdout
    host.run("systemctl disable -q kubelet && systemctl stop containerd")
    ended = life.cluster.replay("--no-verify")
    assert set(ended.changed) == {("w1", "unit kubelet.service"), ("w1", "unit containerd.service")}
    assert host.run(listing).stdout == before


def test_the_plan_shows_what_was_edited(life: Life) -> None:
    """A diff of the file, in the words of the file; and of a secret only that it changes."""
    host = life.cluster.host("cp1")
    host.run(f"sed -i 's/--leader-elect=true/--leader-elect=false/' {SCHEDULER}")
    host.run("echo '# edited' >> /etc/kubernetes/scheduler.conf")
    changes = {change["step"]: change for change in life.cluster.plan()["changes"]}
    assert set(changes) == {f"file {SCHEDULER}", "file /etc/kubernetes/scheduler.conf"}
    diff = changes[f"file {SCHEDULER}"]["diff"]
    assert [line.split()[-1] for line in diff.splitlines()[2:] if line[0] in "+-"] == [
        "--leader-elect=false",
        "--leader-elect=true",
    ]
    secret = changes["file /etc/kubernetes/scheduler.conf"]
    assert (secret["action"], secret["diff"], secret["secret"]) == ("change", "", True)
    assert life.cluster.replay("--no-verify").code == 0


def test_after_all_this_the_cluster_is_well(life: Life) -> None:
    """Everything was mended: nothing is left to do, the pods answer everywhere, and verify agrees."""
    answers_everywhere(life.cluster, ("cp1", "w1", "w2"))
    is_well(life.cluster)
    nothing_to_do(life.cluster)
