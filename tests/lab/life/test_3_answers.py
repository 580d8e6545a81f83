"""Answers that change under a living cluster: what can be applied is an ordinary difference, the rest is refused.

These tests run in order, on the cluster that all files in this folder share.
"""

import json
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest
import yaml

from tests.lab.away import away
from tests.lab.cluster import wait_until
from tests.lab.life.world import Life, answers_everywhere, found_well, moved, planned

ROUTES = ("file /etc/kinstall/routes", "script routes")
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


SINCE_THEN = {
    "security": {"extraSANs": ["api.example.org"]},
    "components": {
        "kubeApiserver": {"extraArgs": {"profiling": "false"}},
        "kubeControllerManager": {"extraArgs": {"concurrent-gc-syncs": "10"}},
        "kubeScheduler": {"extraArgs": {"v": "3"}},
    },
}
"""What the first test adds to the answers, and all later ones keep: each change of it restarts the API server."""


def edited(life: Life, **changes: Any) -> dict[str, Any]:
    """The answers as data, with top-level keys merged over them."""
    life.cluster.write({**SINCE_THEN, **changes})
    data: dict[str, Any] = yaml.safe_load(life.cluster.answers.read_text())
    return data


def write(life: Life, data: dict[str, Any]) -> None:
    life.cluster.answers.write_text(yaml.safe_dump(data, sort_keys=False))


@pytest.mark.covers(35, 36)
def test_labels_arguments_and_names_are_applied(life: Life) -> None:
    """A label, flags of the control plane's components and a further name in a certificate: exactly what holds them
    changes."""
    cluster = life.cluster
    data = edited(life)
    data["nodes"][1]["labels"] = {"zone": "a"}
    data["nodes"][2]["taints"] = [{"key": "only", "value": "batch", "effect": "PreferNoSchedule"}]
    write(life, data)
    wanted = {
        *(("cp1", f"file /etc/kubernetes/manifests/{name}.yaml") for name in COMPONENTS),
        ("cp1", "file /etc/kubernetes/pki/apiserver.crt"),
        ("cp1", "file /etc/kubernetes/pki/apiserver.key"),
        ("cp1", "file /etc/kinstall/objects.yaml"),
        ("cp1", "script cluster objects"),
        ("cp1", "file /var/lib/kinstall/taints"),
        ("cp1", "script taints"),
        # The kubelet registers itself with its taints, should its Node object ever be made anew.
        ("w2", "file /var/lib/kubelet/config.yaml"),
        ("w2", "unit kubelet.service"),
    }
    assert planned(cluster) == wanted
    ended = cluster.replay("--no-verify")
    assert ended.code == 0, ended
    assert set(ended.changed) == wanted
    assert "zone=a" in cluster.kubectl("get node w1 --show-labels")
    assert "only=batch:PreferNoSchedule" in cluster.kubectl("describe node w2")
    control_plane = cluster.host("cp1")
    for name, flag in zip(COMPONENTS, ("profiling=false", "concurrent-gc-syncs=10", "v=3"), strict=True):
        runs = f"pgrep -af '[k]{name[1:]} --' | grep -q -- --{flag}"
        wait_until(lambda runs=runs: control_plane.run(runs, check=False).status == 0, f"{name} with --{flag}")  # type: ignore[misc]
    ask = f"openssl s_client -connect {control_plane.address}:6443 </dev/null 2>/dev/null | openssl x509 -noout -text"
    assert "DNS:api.example.org" in control_plane.run(ask).stdout
    again = cluster.replay()  # and its verify, which only looks
    assert (again.code, again.last["changed"]) == (0, 0), again


def test_labels_and_taints_that_are_no_longer_wanted_go(life: Life) -> None:
    """What the answers do not name any more is taken away again, labels and taints of others stay."""
    cluster = life.cluster
    cluster.kubectl("label node w1 theirs=stays")
    cluster.kubectl("taint node w2 theirs=stay:PreferNoSchedule")
    edited(life)
    ended = cluster.replay("--no-verify")
    assert ended.code == 0, ended
    assert set(ended.changed) == {
        ("cp1", "file /etc/kinstall/objects.yaml"),
        ("cp1", "script cluster objects"),
        ("cp1", "script taints"),
        ("w2", "file /var/lib/kubelet/config.yaml"),
        ("w2", "unit kubelet.service"),
    }
    assert cluster.kubectl("get node w2 -o jsonpath={.spec.taints[*].key}").split() == ["theirs"]
    cluster.kubectl("taint node w2 theirs-")
    labels = cluster.kubectl("get node w1 -o jsonpath={.metadata.labels}")
    assert "zone" not in json.loads(labels)
    assert json.loads(labels)["theirs"] == "stays"
    assert planned(cluster) == set()


def _networking(key: str, value: str) -> dict[str, Any]:
    return {"networking": {key: value}}


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "podSubnet": (_networking("podSubnet", "10.200.0.0/16"), "networking.podSubnet", "10.244.0.0/16"),
    "serviceSubnet": (_networking("serviceSubnet", "10.97.0.0/16"), "networking.serviceSubnet", "10.96.0.0/16"),
    "dnsDomain": (_networking("dnsDomain", "example.org"), "networking.dnsDomain", "cluster.local"),
    "an older version": ({"version": "1.36.3"}, "kubernetesVersion", "1.37.2"),
    "a name": ({"rename": "w9"}, "nodes[2].name", "w2"),
    "an address": ({"address": "10.90.0.77"}, "nodes[2].address", ""),
    "a removed node": ({"remove": True}, "nodes", "w2"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_by_name_before_anything_runs(life: Life, what: str) -> None:
    """Exit 2 with the setting's path and what the cluster was set up with; no node is touched, not even its lock."""
    change, path, recorded = REFUSED[what]
    cluster = life.cluster
    data = edited(life, **{k: v for k, v in change.items() if k not in ("rename", "address", "remove", "version")})
    if "version" in change:
        data["kubernetesVersion"] = change["version"]
        # The digests are those of the other version's images. No mirror is asked before the answers are refused.
        data["images"] = {"mirrors": {"registry.k8s.io": {"endpoint": "https://registry.example.com"}}}
    if "rename" in change:
        data["nodes"][2]["name"] = change["rename"]
    if "address" in change:
        # The spare host answers there: it is a host that is not in the cluster.
        data["nodes"][2].update(address=life.spare.address, hostKey=life.spare.host_key)
    if "remove" in change:
        del data["nodes"][2]
    write(life, data)
    before, state = life.everybody(run_folder=True), _state(life)
    for command in (("replay", "--output", "json"), ("plan", "--output", "json")):
        ended = cluster.run(*command)
        assert ended.code == 2, ended
        problems = json.loads(ended.err)["problems"]
        assert any(each["path"].startswith(path) and recorded in each["message"] for each in problems), problems
        assert "Traceback" not in ended.err
    assert moved(before, life.everybody(run_folder=True)) == []
    assert _state(life) == state
    edited(life)


def test_a_workstation_that_never_saw_the_cluster_asks_its_api(life: Life) -> None:
    """With only the answers and the keys, a node that moved is noticed all the same: the API has its address."""
    cluster, own = life.cluster, life.cluster.state
    data = edited(life)
    data["nodes"][2].update(address=life.spare.address, hostKey=life.spare.host_key)
    write(life, data)
    cluster.state = cluster.home / "another-workstation"
    cluster.state.mkdir(mode=0o700)
    copytree(own / "pki", cluster.state / "pki", copy_function=_copy)
    try:
        ended = cluster.run("plan", "--output", "json")
    finally:
        cluster.state = own
        edited(life)
    assert ended.code == 2, ended
    (problem,) = json.loads(ended.err)["problems"]
    assert problem["path"] == "nodes[2].address", problem
    assert f"w2 was set up at {cluster.host('w2').address}" in problem["message"], problem


def _state(life: Life) -> dict[str, bytes]:
    """What the operator's folder holds but for the logs of runs."""
    folder = life.cluster.state
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if not name.startswith("runs/")}


def test_a_third_worker_joins_and_others_only_learn_its_route(life: Life) -> None:
    """On the other workers the list of routes and the routes change; on the control plane also the Nodes' objects."""
    cluster = life.cluster
    cluster.hosts.append(life.spare)
    edited(life)
    ended = cluster.replay()
    assert found_well(ended)["pod to pod w3"] == "answered by cp1, w1, w2"
    old = {change for change in ended.changed if change[0] != "w3"}
    # w3's labels and pod range are in the file of objects that the control plane applies.
    objects = {("cp1", "file /etc/kinstall/objects.yaml"), ("cp1", "script cluster objects")}
    assert old == {(node, step) for node in ("cp1", "w1", "w2") for step in ROUTES} | objects
    assert len([step for node, step in ended.changed if node == "w3"]) > 40
    answers_everywhere(cluster, ("cp1", "w1", "w2", "w3"))
    assert planned(cluster) == set()


def test_a_node_that_is_reset_leaves_and_the_others_go_on(life: Life) -> None:
    """Reset of w3 alone: its Node is gone, its pods' traffic is nobody's, and without it the answers fit again."""
    cluster = life.cluster
    ended = cluster.reset("--node", "w3")
    assert ended.code == 0, ended
    assert cluster.kubectl("get nodes -o jsonpath={.items[*].metadata.name}").split() == ["cp1", "w1", "w2"]
    assert life.spare.run("ls -d /etc/kubernetes /var/lib/kinstall", check=False).stdout == ""
    cluster.hosts.remove(life.spare)
    edited(life)
    ended = cluster.replay()
    found_well(ended)
    # Its Node went with it, so no object differs; only the list that is applied next time is shorter.
    assert set(ended.changed) >= {(node, step) for node in ("cp1", "w1", "w2") for step in ROUTES}
    assert {step for _, step in ended.changed} <= {*ROUTES, "file /etc/kinstall/objects.yaml", "script cluster objects"}
    answers_everywhere(cluster, ("cp1", "w1", "w2"))


def test_lost_keys_are_never_made_anew(life: Life) -> None:
    """Without its PKI the run is refused and touches nothing; with consent the keys are read back from cp1."""
    cluster, kept = life.cluster, life.cluster.home / "kept"
    copytree(cluster.state / "pki", kept, copy_function=_copy)
    rmtree(cluster.state / "pki")
    before = life.everybody(run_folder=True)
    ended = cluster.replay()
    assert ended.code != 0
    assert "ca.crt is missing" in ended.err
    assert "--recover-pki" in ended.err
    assert moved(before, life.everybody(run_folder=True)) == []
    ended = cluster.replay("--recover-pki")
    assert ended.code == 0, ended
    for name in ("ca.crt", "ca.key", "etcd/ca.key", "front-proxy-ca.key", "sa.key"):
        assert (cluster.state / "pki" / name).read_bytes() == (kept / name).read_bytes()
    # What they signed was read back from the nodes that use it, so nothing is signed anew and nothing restarts.
    assert ended.last["changed"] == 0
    assert moved(before, life.everybody(run_folder=True), "/run/kinstall/") == []
    again = cluster.replay()
    assert (again.code, again.last["changed"]) == (0, 0)
    answers_everywhere(cluster, ("cp1", "w1", "w2"))


def test_all_certificates_renewed_at_once(life: Life) -> None:
    """Every leaf is made anew in one replay: etcd goes on and shows the new one, and the API is away no longer than its
    server takes to start again; verify passes, and a second replay has nothing to do."""
    cluster, plane = life.cluster, life.cluster.host("cp1")
    etcd = plane.run("pgrep -x etcd").stdout
    leaves = list((cluster.state / "pki").rglob("*.pem"))
    assert len(leaves) > 15
    for leaf in leaves:
        leaf.unlink()
    with away(plane.address) as gaps:
        ended = cluster.replay()
    found_well(ended)
    units = {step for _, step in ended.changed if step.startswith("unit ")}
    assert units == {"unit kubelet.service", "unit kube-proxy.service"}
    assert plane.run("pgrep -x etcd").stdout == etcd
    shown = plane.run("openssl s_client -connect 127.0.0.1:2379 </dev/null 2>/dev/null | openssl x509").stdout
    assert shown in (cluster.state / "pki/nodes/cp1/etcd/server.pem").read_text()
    assert 0 < max(gaps) < 90, gaps
    assert cluster.replay().last["changed"] == 0


def _copy(source: str, target: str) -> str:
    Path(target).write_bytes(Path(source).read_bytes())
    return target
