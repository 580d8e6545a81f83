"""The look that changes nothing: what a healthy cluster gets, and which cause each unhealthy one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kinstall.cluster import ClusterSpec, ComponentOverrides, Components
from kinstall.engine.events import Outcome
from kinstall.verify import CheckResult, any_failed, as_dict, read_only
from kinstall.verify.checks.kube_proxy import health_url
from kinstall.verify.look import look
from kinstall.verify.objects import items, kubectl_said, pod_cause, stale_namespaces
from kinstall.verify.records import parse
from tests.unit.verify.cluster import RS, SPEC, FakeCluster, coredns, healthy_objects, pod


def failures(cluster: FakeCluster) -> dict[tuple[str, str], str]:
    """(check, node) → message of what failed."""
    results = read_only(SPEC, cluster.channels())
    return {(each.check, each.node): each.message for each in results if each.outcome is Outcome.FAILED}


def test_a_healthy_cluster_passes_with_one_program_per_node() -> None:
    """Every check is there and ok, and no node was asked twice: the budget is half a second."""
    cluster = FakeCluster()
    results = read_only(SPEC, cluster.channels())
    assert not any_failed(results)
    assert [(each.check, each.node) for each in results] == [
        ("API livez", "cp1"),
        ("API readyz", "cp1"),
        ("endpoint livez", ""),
        ("endpoint readyz", ""),
        *(("node Ready", name) for name in ("cp1", "w1", "w2")),
        *(("kube-proxy", name) for name in ("cp1", "w1", "w2")),
        ("kube-system pods", ""),
        ("CoreDNS", ""),
    ]
    assert sorted(cluster.log) == ["look cp1", "look w1", "look w2"]


def test_what_is_still_starting_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A static pod that the kubelet has not reported yet passes at the second look; without patience it fails."""
    starting = [*healthy_objects(), pod("late", ready=False)]
    cluster = FakeCluster(objects=starting)
    monkeypatch.setattr("kinstall.verify.look.time.sleep", lambda _: setattr(cluster, "objects", healthy_objects()))
    assert any_failed(read_only(SPEC, cluster.channels()))
    assert not any_failed(read_only(SPEC, cluster.channels(), patience=60))


def test_coredns_scaled_to_nothing_fails_although_its_deployment_is_available() -> None:
    """A Deployment of 0 replicas calls itself available; verify does not, and time will not fix it."""
    objects = [each for each in healthy_objects() if not str(each["metadata"]["name"]).startswith("coredns")]
    cluster = FakeCluster(objects=[*objects, coredns(0, 0)])
    assert "scaled to 0" in failures(cluster)["CoreDNS", ""]
    assert not look(SPEC, cluster.channels()).may_pass


def test_a_kube_proxy_that_failed_is_reported_with_its_last_words() -> None:
    """Why the daemon ended is the cause, and only that node's check fails."""
    words = 'I1124 02:55:59.2 2330 proxier.go:1] "Deleting"\nE1124 02:56:00.1 2330 server.go:1] "Error" err="no nft"'
    cluster = FakeCluster(units={"w1/kube-proxy.service": "failed"}, words=words)
    failing = failures(cluster)
    assert set(failing) == {("kube-proxy", "w1")}
    assert failing["kube-proxy", "w1"].startswith("kube-proxy.service is failed (dead), result exit-code: ")
    assert "no nft" in failing["kube-proxy", "w1"]


def test_of_a_kube_proxy_that_somebody_stopped_the_state_is_the_cause() -> None:
    """What it said before it was stopped would only mislead."""
    cluster = FakeCluster(units={"w1/kube-proxy.service": "inactive"}, words="received SIGTERM")
    assert failures(cluster) == {("kube-proxy", "w1"): "kube-proxy.service is inactive (dead)"}


def test_a_stopped_kubelet_fails_its_node_while_the_api_still_says_ready() -> None:
    """The Node object stays Ready for 40 s after its kubelet stopped; the unit shows it at once."""
    cluster = FakeCluster(units={"w2/kubelet.service": "failed"})
    assert "kubelet.service is failed" in failures(cluster)["node Ready", "w2"]


def test_what_the_api_says_is_wrong_with_a_node() -> None:
    """Missing, not Ready, without a podCIDR, with another one than planned: each with its own sentence."""
    objects = healthy_objects()
    del objects[1]
    objects[0]["spec"]["podCIDR"] = ""
    objects[1]["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "cni plugin not initialized"}
    ]
    failing = failures(FakeCluster(objects=objects))
    assert "no podCIDR" in failing["node Ready", "cp1"]
    assert "has not registered" in failing["node Ready", "w1"]
    assert failing["node Ready", "w2"] == "KubeletNotReady: cni plugin not initialized"
    planned = replace(SPEC, nodes=(replace(SPEC.nodes[0], pod_cidr="10.244.9.0/24"),))
    results = read_only(planned, FakeCluster().channels())
    assert "the answers say 10.244.9.0/24" in next(r.message for r in results if r.check == "node Ready")


def test_a_pod_that_is_not_ready_is_reported_with_state_event_and_last_lines() -> None:
    """A crash loop's exit code, the newest warning and what the container said last are all in the message."""
    objects = [each for each in healthy_objects() if each["metadata"]["name"] != "coredns-a"]
    unready = pod("coredns-a", "w1", ready=False)
    unready["status"]["containerStatuses"][0] |= {
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }
    failing = failures(FakeCluster(objects=[*objects, unready]))["kube-system pods", ""]
    assert "CrashLoopBackOff, it ended with exit code 1 (Error)" in failing
    assert "FailedMount: no such volume" in failing
    assert "Loop detected" in failing


def test_a_missing_static_pod_is_named() -> None:
    """A control plane whose scheduler has no pod does not pass because all others are Ready."""
    objects = [each for each in healthy_objects() if each["metadata"]["name"] != "kube-scheduler-cp1"]
    assert failures(FakeCluster(objects=objects)) == {
        ("kube-system pods", ""): "kube-scheduler-cp1: there is no such pod"
    }


def test_pods_that_go_or_have_ended_do_not_count() -> None:
    """A replaced pod that is still terminating and a finished job's pod are no failure."""
    going, ended = pod("coredns-old", ready=False), pod("job", ready=False)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    ended["status"]["phase"] = "Succeeded"
    assert not failures(FakeCluster(objects=[*healthy_objects(), going, ended]))


def test_an_api_server_that_is_not_ready_names_its_bad_checks() -> None:
    """/readyz names which of its checks fail; that, not the status code, is the cause. Objects are not known then."""
    failing = failures(FakeCluster(api="[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n500"))
    assert failing["API readyz", "cp1"] == "https://10.0.0.1:6443/readyz: etcd failed"
    assert failing["CoreDNS", ""] == "the server is gone"
    assert failing["node Ready", "w1"] == "the API does not answer"


def test_an_api_that_does_not_listen_is_reported_in_curls_words() -> None:
    """No HTTP status means no answer: the message holds why, and not the code 000."""
    failing = failures(FakeCluster(api="curl: (7) Failed to connect to 10.0.0.1 port 6443\n000"))
    assert failing["endpoint livez", ""].endswith("curl: (7) Failed to connect to 10.0.0.1 port 6443")


def test_an_api_that_refuses_is_reported_in_its_own_message() -> None:
    """Of a Status object only the message is for people."""
    failing = failures(FakeCluster(api='{"kind": "Status", "message": "forbidden: no", "code": 403}\n403'))
    assert failing["API livez", "cp1"] == "https://10.0.0.1:6443/livez: forbidden: no (HTTP 403)"


def test_of_kubectls_many_words_the_last_one_counts() -> None:
    """It logs every attempt before it says what is wrong."""
    attempt = 'E1124 03:02:07.681392 12330 memcache.go:381] "Couldn\'t get" err="refused"'
    assert kubectl_said(f"{attempt}\n{attempt}\nThe connection was refused\n") == "The connection was refused"
    assert kubectl_said(attempt) == "Couldn't get: refused"
    assert kubectl_said("") == ""


def test_an_unreachable_node_fails_only_its_own_checks() -> None:
    """The look ends without an exception, and says for that node why nothing is known."""
    failing = failures(FakeCluster(unreachable=frozenset({"w2"})))
    assert set(failing) == {("node Ready", "w2"), ("kube-proxy", "w2")}
    assert "no answer on port 22" in failing["kube-proxy", "w2"]


def test_a_lost_control_plane_fails_all_that_it_would_have_told() -> None:
    """With the only control plane gone the API, the endpoint and the pods have failed results; nothing is raised."""
    failing = failures(FakeCluster(unreachable=frozenset({"cp1"})))
    assert {check for check, _ in failing} >= {
        "API livez",
        "endpoint livez",
        "kube-system pods",
        "CoreDNS",
        "node Ready",
    }


def test_an_unhealthy_kube_proxy_is_reported_in_its_own_words() -> None:
    """A health check that answers 503 fails with the body; one that nobody can ask counts by its unit."""
    assert "503" in failures(FakeCluster(health="\n503"))["kube-proxy", "w1"]
    assert not failures(FakeCluster(health="unknown"))


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("", "http://127.0.0.1:10256/healthz"),
        ("0.0.0.0:11000", "http://127.0.0.1:11000/healthz"),
        ("192.0.2.1", "http://192.0.2.1:10256/healthz"),
        ("192.0.2.1:1", "http://192.0.2.1:1/healthz"),
    ],
)
def test_kube_proxys_health_is_asked_where_the_answers_put_it(address: str, url: str) -> None:
    """An operator's own healthzBindAddress is followed."""
    overrides = ComponentOverrides(config={"healthzBindAddress": address})
    spec: ClusterSpec = replace(SPEC, components=Components(kube_proxy=overrides))
    assert health_url(spec, spec.nodes[0]) == url


def test_records_keep_the_lines_after_them_and_odd_separators_within() -> None:
    """A line end is only a line end: separators inside a line, text before any record and empty fields survive."""
    records = parse(["noise", f"{RS}a\t1\t", "x", "", f"y {RS} z", f"{RS}b"])
    assert [(each.fields, each.text) for each in records] == [
        (("",), "noise"),
        (("a", "1", ""), f"x\n\ny {RS} z"),
        (("b",), ""),
    ]
    assert records[1].seconds(1, 2) == 0.0
    assert records[1].field(7) == ""


def test_text_that_is_no_list_is_no_objects() -> None:
    """kubectl's error text, an empty answer and a cut-off one are told apart from an empty list."""
    assert items("") is None
    assert items('{"items": [') is None
    assert items('"items"') is None
    assert items('{"items": []}') == []


def test_causes_of_pods() -> None:
    """Not scheduled, no image, evicted: the API's own words, in one line."""
    waiting = pod("a", ready=False)
    waiting["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes\nare available"}],
    }
    assert pod_cause(waiting) == "not scheduled: 0/3 nodes are available"
    image = pod("b", ready=False)
    image["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    event = {"kind": "Event", "type": "Warning", "involvedObject": {"uid": "b"}, "message": "m"}
    assert pod_cause(image, [{**event, "reason": "Failed"}]) == "main: ErrImagePull: not found"
    assert pod_cause(image, [{**event, "reason": "FailedMount"}]) == "main: ErrImagePull: not found; FailedMount: m"
    starting = pod("b", ready=False)
    starting["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ContainerCreating"}}
    assert pod_cause(starting, [{**event, "reason": "FailedCreatePodSandBox"}]) == "FailedCreatePodSandBox: m"
    assert pod_cause(starting) == "its phase is Running"
    evicted = pod("c", ready=False)
    evicted["status"] = {"phase": "Failed", "reason": "Evicted", "message": "low on disk"}
    assert pod_cause(evicted) == "Evicted: low on disk"


def test_only_old_namespaces_of_verify_are_stale() -> None:
    """One that another verify made a minute ago, one that goes already and foreign ones are left alone."""

    def namespace(name: str, created: str, **meta: str) -> dict[str, object]:
        return {"kind": "Namespace", "metadata": {"name": name, "creationTimestamp": created, **meta}}

    found = [
        namespace("kinstall-verify-old", "2027-01-15T07:00:00Z"),
        namespace("kinstall-verify-new", "2027-01-15T07:59:00Z"),
        namespace("kinstall-verify-going", "2027-01-15T07:00:00Z", deletionTimestamp="2027-01-15T07:59:00Z"),
        namespace("default", "2027-01-15T07:00:00Z"),
        namespace("kinstall-verify-odd", ""),
    ]
    assert stale_namespaces(found, "kinstall-verify-", 1800000000.0, 900.0) == ["kinstall-verify-old"]


def test_a_result_as_data() -> None:
    """JSON gets plain words and rounded seconds."""
    assert as_dict(CheckResult("c", Outcome.OK, "m", 0.12345, "n")) == {
        "check": "c",
        "outcome": "ok",
        "message": "m",
        "seconds": 0.123,
        "node": "n",
    }
