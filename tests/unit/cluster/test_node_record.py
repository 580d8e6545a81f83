"""A node's cluster.json, where somebody may have written anything."""

from __future__ import annotations

from typing import Any

import pytest

from kinstall.cluster import CONTROL_PLANE, ClusterSpec, Node
from kinstall.cluster.immutable import identity
from kinstall.cluster.node_record import NodeRecord, read_record

SPEC = ClusterSpec(cluster_name="demo", nodes=(Node(name="cp1", address="10.90.0.11", role=CONTROL_PLANE),))
FINGERPRINT = "sha256:" + "0f" * 32


def test_what_kinstall_writes_is_read() -> None:
    """The record and its reader agree."""
    assert read_record(identity(SPEC, SPEC.nodes[0], FINGERPRINT, "10.244.0.0/24")) == NodeRecord(
        cluster="demo",
        ca_fingerprint=FINGERPRINT,
        role=CONTROL_PLANE,
        address="10.90.0.11",
        pod_cidr="10.244.0.0/24",
        kubernetes_version=SPEC.kubernetes_version,
    )


@pytest.mark.parametrize("key", ["cluster", "caFingerprint", "role", "address", "podCIDR", "kubernetesVersion"])
@pytest.mark.parametrize("value", [None, 7, [], {"a": 1}, True, "", "\n", "x\ny", "\x1b]0;t\x07", "$(id)", "a" * 9999])
def test_what_has_another_form_counts_as_not_said(key: str, value: Any) -> None:
    """Nothing raises, and the other values are what they are."""
    data = {**identity(SPEC, SPEC.nodes[0], FINGERPRINT, "10.244.0.0/24"), key: value}
    record = read_record(data)
    values = [getattr(record, name) for name in NodeRecord.__slots__]
    assert values.count("") == 1
    assert read_record(dict.fromkeys(data, value)) == NodeRecord()
    assert read_record({}) == NodeRecord()
