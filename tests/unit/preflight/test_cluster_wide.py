"""Preflight across nodes: clones, clocks that differ, and the rows of the table."""

from dataclasses import replace
from pathlib import Path

import pytest

from assets.pod_network.manifest import Manifest
from assets.pod_network.pools import Pool
from kinstall.cluster import CONTROL_PLANE, WORKER, ClusterSpec, Networking, Node, Preflight
from kinstall.cluster.check_names import CHECK_NAMES
from kinstall.facts.model import NodeFacts
from kinstall.facts.parse import parse
from kinstall.findings import Finding, Severity
from kinstall.preflight.checks import CLUSTER_CHECKS, NODE_CHECKS, PEER_CHECKS
from kinstall.preflight.judge import as_table, check_cluster, errors

LINES = (Path(__file__).parents[1] / "facts" / "recorded" / "debian12.txt").read_text().splitlines()
SPEC = ClusterSpec(
    nodes=(
        Node(name="cp1", address="10.90.0.11", role=CONTROL_PLANE),
        Node(name="w1", address="10.90.0.12", role=WORKER),
    )
)


def host(number: int) -> NodeFacts:
    """The recorded host as the n-th of its kind: another address, name, machine-id and MAC."""
    changed = (
        line.replace("10.90.0.11", f"10.90.0.1{number}")
        .replace("02:90:00:00:00:0b", f"02:90:00:00:00:0{number}")
        .replace("hostname:h1", f"hostname:h{number}")
        .replace("/etc/machine-id:", f"/etc/machine-id:{number}")
        for line in LINES
    )
    return replace(parse(changed), product_uuid=f"uuid-{number}")


FACTS = {"cp1": host(1), "w1": host(2)}
ASKED = {name: (facts.clock - 0.1, facts.clock + 0.1) for name, facts in FACTS.items()}


def test_different_hosts_are_fine() -> None:
    """Hosts that differ in everything give only ok, one row per check."""
    findings = check_cluster(SPEC, FACTS, ASKED)
    assert {finding.severity for finding in findings} == {Severity.OK}
    assert [f.check for f in findings] == ["hostname", "machine-id", "mac", "product-uuid", "clock-skew"]


@pytest.mark.parametrize(
    ("field", "check", "severity"),
    [
        ("hostname", "hostname", Severity.WARNING),
        ("machine_id", "machine-id", Severity.ERROR),
        ("links", "mac", Severity.ERROR),
        ("product_uuid", "product-uuid", Severity.WARNING),
    ],
)
def test_clones(field: str, check: str, severity: Severity) -> None:
    """What two nodes share though each must have its own is named with both nodes."""
    clone = replace(FACTS["w1"], **{field: getattr(FACTS["cp1"], field)})
    told = [f for f in check_cluster(SPEC, {**FACTS, "w1": clone}) if f.severity is not Severity.OK]
    assert [(f.check, f.severity) for f in told] == [(check, severity)]
    assert told[0].message.startswith("cp1, w1 have the same")
    assert told[0].remedy
    assert {c.severity for c in CLUSTER_CHECKS if c.name == check} == {severity}, "the record says so too"


def test_what_nobody_tells_is_not_compared() -> None:
    """Containers have no product_uuid: that is neither shared nor anyone's own."""
    facts = {name: replace(told, product_uuid="") for name, told in FACTS.items()}
    assert "product-uuid" not in {f.check for f in check_cluster(SPEC, facts)}


@pytest.mark.parametrize(
    ("offset", "severity"), [(1.0, Severity.OK), (5.0, Severity.WARNING), (3600.0, Severity.ERROR)]
)
def test_clock_skew(offset: float, severity: Severity) -> None:
    """Two clocks are compared through the operator's, whatever that one shows."""
    facts = {name: replace(told, clock=1000.0) for name, told in FACTS.items()}
    asked = {"cp1": (5000.0, 5000.2), "w1": (5000.0 + offset, 5000.2 + offset)}
    (skew,) = [f for f in check_cluster(SPEC, facts, asked) if f.check == "clock-skew"]
    assert skew.severity is severity
    if offset > 2:
        assert f"cp1 is {offset:.0f} seconds ahead of that of w1" in skew.message


def test_slow_answers_are_not_skew() -> None:
    """A difference within the round trips is none."""
    facts = {"cp1": replace(FACTS["cp1"], clock=1000.0), "w1": replace(FACTS["w1"], clock=1030.0)}
    asked = {"cp1": (1000.0, 1000.1), "w1": (1000.0, 1060.0)}
    assert [f.severity for f in check_cluster(SPEC, facts, asked) if f.check == "clock-skew"] == [Severity.OK]


def test_silent_nodes_are_named() -> None:
    """A node without facts is not taken for a healthy one."""
    (nodes,) = [f for f in check_cluster(SPEC, {"cp1": FACTS["cp1"]}) if f.check == "nodes"]
    assert (nodes.severity, nodes.message) == (Severity.WARNING, "not checked: w1")


def test_ignore_holds_for_the_cluster_too() -> None:
    """`preflight.ignore` relaxes a comparison's error."""
    facts = {**FACTS, "w1": replace(FACTS["w1"], machine_id=FACTS["cp1"].machine_id)}
    spec = replace(SPEC, preflight=Preflight(ignore=("machine-id",)))
    assert errors(check_cluster(SPEC, facts)) != []
    assert errors(check_cluster(spec, facts)) == []


def test_table() -> None:
    """Errors first; equal findings of several nodes in one row; ok rows only on demand."""
    findings = [
        Finding("cp1", "cpu", Severity.OK, "2 CPUs"),
        Finding("cp1", "resolver", Severity.WARNING, "no name server", "name one"),
        Finding("w1", "resolver", Severity.WARNING, "no name server", "name one"),
        Finding("", "mac", Severity.ERROR, "shared", "change one"),
    ]
    assert as_table(findings) == [
        ("error", "cluster", "mac", "shared", "change one"),
        ("warning", "cp1, w1", "resolver", "no name server", "name one"),
    ]
    assert as_table(findings, all_checks=True)[-1] == ("ok", "cp1", "cpu", "2 CPUs", "")


def test_every_check_has_one_name_that_answers_may_hold() -> None:
    """A name stands for one check, or `preflight.ignore` would relax two; the list of names is that of the checks."""
    names = [c.name for c in NODE_CHECKS] + [c.name for c in CLUSTER_CHECKS] + [c.name for c in PEER_CHECKS]
    assert names == list(CHECK_NAMES)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("setting", "cidr", "subnet", "words"),
    [
        ("", "", "10.244.0.0/16", ""),
        ("Network", "10.244.0.0/16", "10.244.0.0/16", ""),
        ("Network", "10.244.128.0/17", "10.244.0.0/16", ""),
        (
            "Network",
            "10.244.0.0/16",
            "10.200.0.0/16",
            "Network in the manifest is 10.244.0.0/16, outside podSubnet 10.200",
        ),
        ("Network", "10.0.0.0/8", "10.244.0.0/16", "outside podSubnet 10.244.0.0/16; write 10.244.0.0/16 there"),
        ("X", "", "10.244.0.0/16", "kubeadm-config, which this cluster does not have, and takes 192.168.0.0/16"),
        ("X", "", "10.244.0.0/16", "set X to 10.244.0.0/16 in the manifest"),
        ("X", "", "192.168.0.0/16", ""),
        ("X", "999.0.0.0/8", "192.168.0.0/16", ""),
    ],
)
def test_ranges_of_a_third_party_network(setting: str, cidr: str, subnet: str, words: str) -> None:
    """A range of its own instead of podSubnet is named with what to set; the answers' is none."""
    spec = replace(SPEC, networking=Networking(pod_subnet=subnet, pod_network="manifest"))
    manifest = Manifest(b"", (), pools=(Pool(setting, cidr),) if setting else ())
    (told,) = [each for each in check_cluster(spec, FACTS, ASKED, manifest) if each.check == "pod-network"]
    assert told.severity is (Severity.WARNING if words else Severity.OK)
    assert words in f"{told.message}; {told.remedy}"
