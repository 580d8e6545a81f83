"""A cluster is installed on bare hosts, works in every way that people use one, and a second replay touches nothing.

These tests run in order, on the cluster that all files in this folder share.
"""

import json
from pathlib import Path
from shlex import quote

import pytest

from tests.lab.life.world import SYSCTL_FILE, Life, answers_everywhere, checks_of, found_well, moved, shells_answer
from tests.lab.shell import run

NODES = ("cp1", "w1", "w2")


@pytest.mark.covers(15, 26, 34, 37)
def test_bare_hosts_become_a_cluster(life: Life) -> None:
    """One replay ends well, each of its steps changed something or was in order, and verify was its last phase."""
    checked = found_well(life.installed)
    last = life.installed.last
    assert (last["outcome"], last["failed"]) == ("changed", 0)
    assert last["changed"] == len(life.installed.changed) > 150
    assert {step.split()[-1] for step in checked if step.startswith("pod to pod")} == set(NODES)


def test_it_was_the_single_file_that_did_it(life: Life) -> None:
    """kinstall.pyz, unpacked once into a folder of its own; what this checkout holds had no part in it."""
    assert life.cluster.program[1].endswith("/kinstall.pyz")
    unpacked = life.cluster.home / "unpacked"
    assert len(list(unpacked.glob("*/venvs/4/*/*/lib/python3*/site-packages/kinstall/cli/main.py"))) == 1
    assert life.installed.err.startswith(f"kinstall: first start: unpacking to {unpacked}/")


@pytest.mark.covers(29, 38)
def test_verify_names_what_it_saw(life: Life) -> None:
    """Each check of each node says what it saw; only the outside name is left out, with the reason."""
    ended = life.cluster.verify()
    assert ended.code == 0, ended
    checks = checks_of(ended)
    assert {key for key, (outcome, _) in checks.items() if outcome != "ok"} == {("DNS outside", n) for n in NODES}
    assert "no resolver" in checks["DNS outside", "w1"][1]
    for node in NODES:
        others = ", ".join(other for other in NODES if other != node)
        assert checks["node Ready", node][1].startswith("kubelet v1.37.2, podCIDR 10.244.")
        assert checks["pod to pod", node][1] == f"answered by {others}"
        assert checks["ClusterIP", node][1].startswith("10.96.")
        assert checks["NodePort", node][1].endswith("of cp1, w1, w2")
        assert checks["DNS inside", node][1] == "kubernetes.default.svc.cluster.local is 10.96.0.1"
        assert {checks[check, node][0] for check in ("kubectl logs", "kubectl exec", "service account")} == {"ok"}
        assert checks["kube-proxy", node] == ("ok", "healthy")
    assert checks["API readyz", "cp1"][0] == checks["endpoint readyz", ""][0] == "ok"
    assert checks["kube-system pods", ""] == ("ok", "6 pods Ready")
    assert checks["CoreDNS", ""] == ("ok", "2 of 2 replicas available")
    assert {"pod replaced", "clean-up"} <= {check for check, _ in checks}
    left = life.cluster.kubectl("get namespaces -o jsonpath={.items[*].metadata.name}").split()
    assert sorted(left) == ["default", "kube-node-lease", "kube-public", "kube-system"]


@pytest.mark.covers(5)
def test_pods_answer_through_every_address_from_every_node(life: Life) -> None:
    """Not verify's pods but ours, asked by curl on each host: pod address, ClusterIP, and NodePort of every node."""
    answers_everywhere(life.cluster, NODES)


def test_pods_have_dns_logs_exec_and_a_token(life: Life) -> None:
    """In a pod of every node the service's name leads to it, and its token is known to the API; logs and exec work."""
    cluster = life.cluster
    address = cluster.kubectl("get service web -o jsonpath={.spec.clusterIP}")
    listing = "get pods -l app=web -o jsonpath='{range .items[*]}{.metadata.name} {end}'"
    pods = cluster.kubectl(listing).split()
    assert len(pods) == len(NODES)
    mount = "/var/run/secrets/kubernetes.io/serviceaccount"
    ask = f'curl -sS --cacert {mount}/ca.crt -H "Authorization: Bearer $(cat {mount}/token)"'
    url = "https://kubernetes.default.svc/apis/authentication.k8s.io/v1/selfsubjectreviews"
    body = '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}'
    for pod in pods:
        assert cluster.kubectl(f"exec {pod} -- dig +short web.default.svc.cluster.local").split() == [address]
        assert cluster.kubectl(f"exec {pod} -- dig +short +search web").split() == [address]
        review = f"{ask} -H content-type:application/json -d '{body}' {url}"
        who = cluster.kubectl(f"exec {pod} -- sh -c {quote(review)}")
        assert "system:serviceaccount:default:default" in who
        assert "HTTP server" in cluster.kubectl(f"logs {pod}")


@pytest.mark.covers(1)
def test_the_operator_has_a_kubectl_that_fits(life: Life) -> None:
    """The cluster's own version lies beside its kubeconfig, and reaches the API from here."""
    kubectl, state = life.cluster.state / "bin/kubectl", life.cluster.state
    assert '"gitVersion": "v1.37.2"' in run([kubectl, "version", "--client", "-o", "json"])
    listing = run([kubectl, "--kubeconfig", state / "admin.conf", "get", "nodes", "-o", "name"])
    assert listing.split() == [f"node/{node}" for node in NODES]


@pytest.mark.covers(9)
def test_one_name_everywhere(life: Life) -> None:
    """The cluster's name is in the kubeconfig's context, which stays unique among clusters, in what the controller
    manager marks its resources with, in etcd's token and in the nodes' records."""
    kubectl: list[str | Path] = [life.cluster.state / "bin/kubectl", "--kubeconfig", life.cluster.state / "admin.conf"]
    assert run([*kubectl, "config", "current-context"]) == "kubernetes-admin@demo\n"
    assert run([*kubectl, "config", "view", "-o", "jsonpath={.clusters[*].name}"]) == "demo"
    plane = life.cluster.host("cp1")
    assert "--initial-cluster-token=demo " in plane.run("pgrep -af '[e]tcd --'").stdout
    assert "--cluster-name=demo " in plane.run("pgrep -af '[k]ube-controller-manager --'").stdout
    for host in life.hosts:
        assert json.loads(host.run("cat /var/lib/kinstall/cluster.json").stdout)["cluster"] == "demo"


def test_secrets_and_keys_are_nobody_elses(life: Life) -> None:
    """No key or kubeconfig can be read by other users; workers hold none of the cluster's authorities."""
    for host in life.hosts:
        public = "! -name '*.crt' ! -name '*.pub' ! -name kube-proxy.yaml"
        assert host.run(f"find /etc/kubernetes -type f -perm /077 {public}").stdout == ""
        # What is kept of other people's files lies below a folder that is root's alone.
        assert host.run("stat -c %a:%U /var/lib/kinstall /run/kinstall").stdout.split() == ["700:root"] * 2
    assert life.cluster.host("w1").run("find /etc/kubernetes -name 'ca.key' -o -name 'sa.key'").stdout == ""


def test_a_second_replay_moves_nothing(life: Life) -> None:
    """0 changed; and no file's content, time or owner, no unit's start, container, route or rule is another one."""
    before = life.everybody()
    again = life.cluster.replay()
    assert again.code == 0, again
    assert (again.last["changed"], again.last["outcome"]) == (0, "ok")
    assert again.last["ok"] == next(e["total"] for e in again.events if e["event"] == "runStarted")
    assert moved(before, life.everybody()) == []
    assert any(line.startswith("container ") for line in before[life.hosts[0].name])


def test_a_plan_finds_and_touches_nothing(life: Life) -> None:
    """`plan` has nothing to say, and does not even leave its name where a run does."""
    before = life.everybody(run_folder=True)
    assert life.cluster.plan()["changes"] == []
    assert moved(before, life.everybody(run_folder=True)) == []


def test_ssh_never_dropped(life: Life) -> None:
    """Sessions that were opened before the installation still answer."""
    shells_answer(life)


def test_other_peoples_rules_stand_beside_ours(life: Life) -> None:
    """The firewall that was there before is still loaded, and the file that was replaced is kept."""
    for host in life.hosts:
        assert "tcp dport 9 drop" in host.run("nft list table inet theirs").stdout
        assert "tcp_fin_timeout" not in host.run(f"cat {SYSCTL_FILE}").stdout
