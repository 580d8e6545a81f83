"""The whole check: what runs in which order, what each bad answer means, and that nothing is left behind."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from kinstall.cluster import Downloads, Images, Mirror, Networking
from kinstall.engine.events import Outcome
from kinstall.errors import Cancelled
from kinstall.verify import CheckResult, full, manifest
from kinstall.verify.checks.dns_outside import outside_name
from kinstall.verify.ground import ground_of
from kinstall.verify.records import parse
from kinstall.verify.routes import Lost, route_causes, route_questions
from tests.unit.verify.cluster import RS, SPEC, FakeCluster, check_pods, coredns, healthy_inside, healthy_objects, pod


def run(
    cluster: FakeCluster, *, has_resolver: bool = True, patience: float = 0.0
) -> dict[tuple[str, str], CheckResult]:
    """(check, node) → result."""
    reported: list[CheckResult] = []
    results = full(SPEC, cluster.channels(), has_resolver, reported.append, patience=patience)
    assert sorted(map(str, reported)) == sorted(map(str, results)), "every result is reported once"
    return {(each.check, each.node): each for each in results}


def failures(results: dict[tuple[str, str], CheckResult]) -> dict[tuple[str, str], str]:
    return {key: each.message for key, each in results.items() if each.outcome is Outcome.FAILED}


def test_a_healthy_cluster_passes_everything_and_is_left_without_the_namespace() -> None:
    """All checks of every node are ok; the last program removes the namespace; nine programs in all."""
    cluster = FakeCluster()
    results = run(cluster)
    assert {each.outcome for each in results.values()} == {Outcome.OK}
    for name in ("cp1", "w1", "w2"):
        for check in ("pod to pod", "ClusterIP", "NodePort", "DNS inside", "DNS outside", "kubectl logs"):
            assert (check, name) in results
    assert results["service account", "w1"].message == "the API accepts a pod's token"
    assert results["pod replaced", "w2"].message == "spread-w2-1 took the place of spread-w2"
    assert [entry for entry in cluster.log if not entry.startswith("look")] == [
        f"{kind} cp1" for kind in ("create", "wait", "pods", "delete", "wait", "remove")
    ]


def test_without_a_resolver_the_outside_name_is_skipped_with_the_reason() -> None:
    """No query is made, and the table says why."""
    result = run(FakeCluster(), has_resolver=False)["DNS outside", "w1"]
    assert (result.outcome, result.message) == (
        Outcome.SKIPPED,
        "the hosts have no resolver, so CoreDNS forwards no names",
    )


def test_a_missing_route_is_named_as_the_cause_of_lost_packets() -> None:
    """A pod on w1 that reaches none on w2 fails with what the kernel of w1 would do; the time-out says nothing."""

    def inside(kind: str, where: str) -> list[str]:
        lines = healthy_inside(kind, where)
        if (kind, where) != ("pod", "w1"):
            return lines
        lost = f"{RS}pod to pod\tw2\t28\t10.0\t13.0\tcurl: (28) Connection timed out after 3001 milliseconds"
        return [lost if "\tw2\t" in line else line for line in lines]

    routes = {
        ("w1", "10.244.2.5"): "10.244.2.5 via 10.0.0.254 dev eth0 src 10.0.0.2 uid 0 \\    cache",
        ("w2", "10.244.1.5"): "10.244.1.5 via 10.0.0.2 dev eth0 src 10.0.0.3 uid 0 \\    cache",
    }
    failing = failures(run(FakeCluster(inside=inside, routes=routes)))
    assert set(failing) == {("pod to pod", "w1")}
    assert failing["pod to pod", "w1"] == (
        "w2 (10.244.2.5): Connection timed out after 3001 milliseconds; w1 has no route to the pods of w2 via 10.0.0.3 "
        "(its kernel says: 10.244.2.5 via 10.0.0.254 dev eth0)"
    )


def test_right_routes_leave_a_packet_filter_as_the_cause() -> None:
    """Both kernels would send the packets the right way: then it is said that something drops them."""
    ground = ground_of(SPEC, check_pods())
    lost = [Lost(ground.spread["w1"], ground.spread["w2"])]
    assert route_questions(lost) == {"w1": ["10.244.2.5"], "w2": ["10.244.1.5"]}
    routes = {("w1", "10.244.2.5"): "x via 10.0.0.3 dev e", ("w2", "10.244.1.5"): "x via 10.0.0.2 dev e"}
    assert "packet filter" in route_causes(SPEC, lost, routes)["w1"]
    assert route_causes(SPEC, lost, {}) == {}
    somebody_elses = replace(SPEC, networking=Networking(pod_network="manifest"))
    assert route_causes(somebody_elses, lost, routes) == {}, "nothing is known of such a network's ways"


def test_an_answer_from_the_wrong_pod_is_no_answer() -> None:
    """Two nodes with one pod range answer each other's pods: the pod's own name is what counts."""

    def inside(kind: str, where: str) -> list[str]:
        return [line.replace("\tspread-w1", "\tspread-cp1") for line in healthy_inside(kind, where)]

    failing = failures(run(FakeCluster(inside=inside)))
    assert "spread-cp1 instead of spread-w1" in failing["pod to pod", "w2"]


def test_dns_failures_say_what_was_answered() -> None:
    """A refused query, a wrong address and an unreachable outside resolver are three different causes."""

    def inside(kind: str, where: str) -> list[str]:
        lines = healthy_inside(kind, where)
        if (kind, where) == ("pod", "cp1"):
            refused = ";; communications error to 10.96.0.10#53: connection refused"
            head = f"{RS}DNS inside\tkubernetes.default.svc.cluster.local\t9\t10.0\t10.1"
            return [f"{RS}inside", head, refused, f"{RS}DNS outside\tx.example\t0\t1\t2", ";; status: NXDOMAIN,"]
        if (kind, where) == ("pod", "w1"):
            return [line.replace("10.96.0.1", "10.96.0.9") for line in lines]
        return [line.replace("NOERROR", "SERVFAIL") if index > 5 else line for index, line in enumerate(lines)]

    results = run(FakeCluster(inside=inside))
    failing = failures(results)
    assert failing["DNS inside", "cp1"].endswith("communications error to 10.96.0.10#53: connection refused")
    assert "CoreDNS says 10.96.0.9, not 10.96.0.1" in failing["DNS inside", "w1"]
    assert results["DNS outside", "cp1"].message == "the resolver answers, and does not know x.example"
    assert failing["service account", "cp1"] == "the check pod did not answer"


def test_a_service_that_fails_where_kube_proxy_is_down_points_there() -> None:
    """The time-outs of services on w1, and of w1's node port from elsewhere, name the check that has the cause."""

    def inside(kind: str, where: str) -> list[str]:
        bad = f"{RS}NodePort\tw1\t7\t10.0\t10.1\tcurl: (7) Failed to connect"
        return [bad if line.startswith(f"{RS}NodePort\tw1") else line for line in healthy_inside(kind, where)]

    failing = failures(run(FakeCluster(inside=inside, units={"w1/kube-proxy.service": "inactive"})))
    assert failing["NodePort", "cp1"] == "w1: Failed to connect; kube-proxy on w1 is not healthy: see there"
    assert set(failing) == {("kube-proxy", "w1"), *(("NodePort", name) for name in ("cp1", "w1", "w2"))}


def test_exec_that_does_not_work_is_one_failure_with_kubectls_words() -> None:
    """What only exec could have shown is skipped, not failed a second time."""

    def inside(kind: str, where: str) -> list[str]:
        refused = "Error from server: error dialing backend: dial tcp 10.0.0.2:10250: connect: connection refused"
        return [refused] if where == "w1" else healthy_inside(kind, where)

    results = run(FakeCluster(inside=inside))
    failing = failures(results)
    assert "10.0.0.2:10250: connect: connection refused" in failing["kubectl exec", "w1"]
    assert "10.0.0.2:10250: connect: connection refused" in failing["kubectl logs", "w1"]
    assert results["pod to pod", "w1"].outcome is Outcome.SKIPPED
    assert set(failing) == {("kubectl exec", "w1"), ("kubectl logs", "w1")}


def test_a_node_whose_pod_does_not_start_is_reported_with_the_cause_and_the_others_are_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The image that cannot be pulled is named; the other nodes' checks still run and pass."""
    monkeypatch.setattr("kinstall.verify.checks.check_pods.HOPELESS_SECONDS", 0.0)

    def pods(turn: int) -> list[dict[str, Any]]:
        found = [each for each in check_pods(turn) if each.get("spec", {}).get("nodeName") != "w2"]
        bad = pod("spread-x", "w2", ready=False)
        bad["metadata"]["labels"] = {"app": "spread"}
        waiting = {"reason": "ImagePullBackOff", "message": "no such host"}
        bad["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}
        return [*found, bad]

    monkeypatch.setattr("kinstall.verify.checks.pod_replaced.REPLACED_SECONDS", 0.0)
    results = run(FakeCluster(pods=pods))
    failing = failures(results)
    assert failing["check pods", ""] == "w2: main: ImagePullBackOff: no such host"
    assert results["pod to pod", "w2"].outcome is Outcome.SKIPPED
    assert results["kubectl exec", "w2"].message == "no check pod is ready there"
    assert results["pod to pod", "w1"].outcome is Outcome.OK


def test_a_node_that_is_down_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pod will not become ready while its containerd is stopped: the wait ends early, and says what is wrong."""
    monkeypatch.setattr("kinstall.verify.checks.check_pods.HOPELESS_SECONDS", 0.0)
    monkeypatch.setattr("kinstall.verify.checks.pod_replaced.REPLACED_SECONDS", 0.0)

    def pods(turn: int) -> list[dict[str, Any]]:
        return [each for each in check_pods(turn) if each.get("spec", {}).get("nodeName") != "w2"]

    cluster = FakeCluster(pods=pods, units={"w2/containerd.service": "inactive"})
    failing = failures(run(cluster))
    assert failing["node Ready", "w2"] == "containerd.service is inactive (dead)"
    assert failing["check pods", ""] == "w2: no pod was made for it"
    assert cluster.log.index("wait cp1") + 1 == cluster.log.index("pods cp1")


def test_objects_that_cannot_be_made_fail_with_kubectls_words_and_are_removed() -> None:
    """No wait for pods that will never be; the clean-up runs all the same."""
    cluster = FakeCluster(create_status=1)
    failing = failures(run(cluster))
    assert failing["check pods", ""].startswith("could not be created: namespace/x created")
    assert cluster.log[-1] == "remove cp1"


def test_an_api_that_does_not_answer_makes_nothing() -> None:
    """There is nothing to remove then, and the checks with pods are skipped with that reason."""
    cluster = FakeCluster(api="curl: (7) refused\n000")
    results = run(cluster)
    assert results["check pods", ""].outcome is Outcome.SKIPPED
    assert {entry.split()[0] for entry in cluster.log} == {"look"}


def test_what_was_starting_is_looked_at_again() -> None:
    """A pod that became Ready while the other checks ran is ok: right after an installation that is the rule."""
    objects = healthy_objects()
    objects[-2]["status"]["conditions"][0]["status"] = "False"
    cluster = FakeCluster(objects=objects)

    def fix(kind: str) -> None:
        if kind == "remove":
            cluster.objects = healthy_objects()

    cluster.on_program = fix
    assert not failures(run(cluster, patience=30.0))


def test_patience_ends_at_once_for_what_time_will_not_fix() -> None:
    """A CoreDNS scaled to 0 fails without waiting: otherwise the test would take an hour."""
    objects = [each for each in healthy_objects() if not str(each["metadata"]["name"]).startswith("coredns")]
    failing = failures(run(FakeCluster(objects=[*objects, coredns(0, 0)]), patience=3600.0))
    assert set(failing) == {("CoreDNS", "")}


def late_on(node: str, cluster: FakeCluster, until: int) -> None:
    """Services that the node's kube-proxy knows of only when the pods are asked for the `until`th time."""

    def inside(kind: str, where: str) -> list[str]:
        if (kind, where) != ("host", node) or cluster.log.count("pods cp1") >= until:
            return []
        return [line.replace("\t0\t", "\t28\t", 1) for line in healthy_inside(kind, where)]

    cluster.inside = inside


def test_a_kube_proxy_that_learns_late_is_asked_again() -> None:
    """After the API server was away it takes up to half a minute to see a new service: only that node's pod asks again,
    while patience lasts."""
    cluster = FakeCluster()
    late_on("w1", cluster, until=3)
    assert not failures(run(cluster, patience=30.0))
    assert cluster.log.count("pods cp1") == 3
    impatient = FakeCluster()
    late_on("w1", impatient, until=3)
    assert set(failures(run(impatient))) == {("ClusterIP", "w1"), ("NodePort", "w1")}


def test_an_unhealthy_kube_proxy_is_not_waited_for() -> None:
    """It learns nothing, and the look has reported it: otherwise the test would take an hour."""
    cluster = FakeCluster(units={"w1/kube-proxy.service": "failed"}, words="it broke")
    late_on("w1", cluster, until=99)
    failing = failures(run(cluster, patience=3600.0))
    assert {("ClusterIP", "w1"), ("NodePort", "w1")} < set(failing)
    assert cluster.log.count("pods cp1") == 1


@pytest.mark.parametrize("during", ["create", "wait", "pods", "delete"])
def test_cancelling_removes_what_was_made(during: str) -> None:
    """Whenever the operator stops it, the namespace goes and the run ends as cancelled."""
    cancel = threading.Event()
    cluster = FakeCluster(on_program=lambda kind: cancel.set() if kind == during else None)
    with pytest.raises(Cancelled):
        full(SPEC, cluster.channels(), True, cancel=cancel)
    assert cluster.log[-1] == "remove cp1"


def test_a_control_plane_that_goes_away_is_a_failure_and_the_clean_up_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection breaks in the middle and comes back: the namespace is removed at the second try."""
    monkeypatch.setattr("kinstall.verify.checks.clean_up.RETRY_SECONDS", 0.0)
    cluster = FakeCluster()
    tries: list[str] = []

    def bad(kind: str) -> None:
        tries.extend(["remove"] if kind == "remove" else [])
        cluster.unreachable = frozenset({"cp1"}) if kind == "pods" or tries == ["remove"] else frozenset()

    cluster.on_program = bad
    results = run(cluster)
    assert failures(results) == {("connection", "cp1"): "no answer on port 22"}
    assert results["clean-up", ""].outcome is Outcome.OK
    assert tries == ["remove", "remove"]


def test_a_namespace_that_stays_is_reported_with_the_way_to_remove_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator is never left with an object he does not know of."""
    monkeypatch.setattr("kinstall.verify.checks.clean_up.RETRY_SECONDS", 0.0)
    failing = failures(run(FakeCluster(removed_status=1)))
    assert "kubectl delete namespace kinstall-verify-" in failing["clean-up", ""]


def test_the_pods_go_everywhere_and_end_at_once() -> None:
    """Deployment and DaemonSet tolerate every taint, the image is the answers', and no pod keeps its node waiting."""
    spec = replace(SPEC, images=Images(image_repository="mirror.example/k8s", agnhost="9.9"))
    objects = json.loads(manifest.manifest(spec, "kinstall-verify-x"))["items"]
    assert [each["kind"] for each in objects] == ["Namespace", "ServiceAccount", "Service", "Deployment", "DaemonSet"]
    for workload in objects[3:]:
        pod_spec = workload["spec"]["template"]["spec"]
        assert pod_spec["tolerations"] == [{"operator": "Exists"}]
        assert pod_spec["terminationGracePeriodSeconds"] == 1
        assert pod_spec["containers"][0]["image"] == "mirror.example/k8s/e2e-test-images/agnhost:9.9"
    assert objects[3]["spec"]["replicas"] == 3
    assert objects[4]["spec"]["template"]["spec"]["hostNetwork"] is True


def test_the_pods_can_do_nothing_but_answer() -> None:
    """Through the NodePort anyone reaches a server that knows its name only: not root, no capability, nothing to write
    to; the token, of an account without rights, is only where its check needs it."""
    objects = json.loads(manifest.manifest(SPEC, "kinstall-verify-x"))["items"]
    assert objects[1]["automountServiceAccountToken"] is False
    assert not [each for each in objects if "Role" in each["kind"]]
    for workload in objects[3:]:
        pod_spec = workload["spec"]["template"]["spec"]
        (container,) = pod_spec["containers"]
        assert container["args"][0] in ("serve-hostname", "pause")
        assert pod_spec["securityContext"]["runAsNonRoot"] and pod_spec["securityContext"]["runAsUser"] > 0
        assert pod_spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
        }  # fmt: skip
    assert [each["spec"]["template"]["spec"]["automountServiceAccountToken"] for each in objects[3:]] == [True, False]


def test_the_outside_name_is_one_that_the_hosts_must_know() -> None:
    """A mirror with a name is asked for, one with an address is not; plain addresses everywhere leave a public name."""
    assert outside_name(SPEC) == "registry.k8s.io"
    mirrored = Images(mirrors={"registry.k8s.io": Mirror(endpoint="https://mirror.example:5000")})
    assert outside_name(replace(SPEC, images=mirrored)) == "mirror.example"
    bare = Images(mirrors={"registry.k8s.io": Mirror(endpoint="http://192.0.2.1:5000")})
    assert outside_name(replace(SPEC, images=bare)) == "dl.k8s.io"
    nowhere = replace(SPEC, images=bare, downloads=Downloads(kubernetes="http://192.0.2.1/k"))
    assert outside_name(nowhere) == "kubernetes.io"


def test_a_pod_that_no_node_takes_is_laid_to_the_node_without_one() -> None:
    """A Deployment's pending pod has no node; its cause is reported for the node that lacks one."""
    found = [each for each in check_pods() if each["metadata"]["name"] != "spread-w2"]
    pending = pod("spread-p", "", ready=False)
    pending["metadata"]["labels"] = {"app": "spread"}
    pending["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "1 node was not ready"}],
    }
    ground = ground_of(SPEC, [*found, pending])
    assert ground.reasons == {"w2": "not scheduled: 1 node was not ready"}
    assert list(ground.spread) == ["cp1", "w1"]


def test_the_inside_of_a_pod_is_read_apart_from_the_command_around_it() -> None:
    """A pod's records follow the record of the exec that ran them; they are the same protocol."""
    records = parse([f"{RS}result\tpod\tw1\t0\t1\t2", f"{RS}inside", f"{RS}token\tapi\t0\t1\t2\t200", ""])
    assert [each.kind for each in records] == ["result", "inside", "token"]
