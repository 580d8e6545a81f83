"""What cannot be fetched, or is not what it should be: exit 4 with the cause, soon, and nothing of it installed.

The tests stand in an order and share one host; the last one shows that a corrected answers file goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from kinstall.errors import EXIT_NODE_FAILED
from tests.lab.api import Lab
from tests.lab.cluster import Cluster
from tests.lab.services import MIRROR_URL, REGISTRY_URL

ZEROES = "0" * 64
NOWHERE = "http://10.90.0.1:9"
RUNC = "/usr/local/bin/runc"
SOON = 60
"""Seconds: less than any time-out for a whole phase, and more than any machine needs."""

DOWNLOADS: dict[str, tuple[Mapping[str, Any], str, str]] = {
    "wrong checksum": ({"sha256": {"runc.amd64": ZEROES}}, "runc.amd64 served is not the file", "not 000000"),
    "no such file": ({"runc": f"{MIRROR_URL}/nowhere"}, f"{MIRROR_URL}/nowhere", "404"),
    "no server": ({"runc": NOWHERE}, f"{NOWHERE}/", "nothing answers at 10.90.0.1 port 9"),
}
IMAGES: dict[str, tuple[Mapping[str, Any], str, str]] = {
    "no such image": (
        {"coredns": f"v0.0.1@sha256:{ZEROES}"},
        f"coredns@sha256:{ZEROES}",
        "the registry does not have the image",
    ),
    "no registry": (
        {"mirrors": {"registry.k8s.io": {"endpoint": NOWHERE}}},
        "registry.k8s.io/",
        "10.90.0.1:9 does not answer",
    ),
    "no registry there": (
        {"mirrors": {"registry.k8s.io": {"endpoint": f"{MIRROR_URL}"}}},
        "registry.k8s.io/",
        "the registry does not have the image",
    ),
}


@pytest.fixture(scope="module")
def cluster(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return Cluster(lab, lab.bare_hosts(1), tmp_path_factory.mktemp("downloads"))


@pytest.mark.parametrize("case", DOWNLOADS)
def test_a_file_that_cannot_be_had(cluster: Cluster, case: str) -> None:
    """The file and the reason are named; it is not installed, not even as a rest beside its place."""
    changes, *words = DOWNLOADS[case]
    cluster.write({"downloads": changes})
    ended = cluster.replay("--until", "runtime")
    assert ended.code == EXIT_NODE_FAILED, ended
    assert ended.seconds < SOON
    (failed,) = [
        event for event in ended.events if event.get("outcome") == "failed" and event["event"] == "stepFinished"
    ]
    assert failed["step"] == f"download {RUNC}"
    for word in words:
        assert word in failed["message"], failed["message"]
    assert failed["message"] in json.loads(ended.err)["what"]
    host = cluster.host("cp1")
    assert host.run(f"ls -A {RUNC} /usr/local/bin/.runc* 2>/dev/null", check=False).stdout == ""
    assert not any(event["event"] == "phaseStarted" and event["phase"] == "runtime" for event in ended.events)


@pytest.mark.parametrize("case", IMAGES)
def test_an_image_that_cannot_be_had(cluster: Cluster, case: str) -> None:
    """The image and the reason are named, within seconds and not after a time-out."""
    changes, *words = IMAGES[case]
    cluster.write({"images": changes})
    ended = cluster.replay("--until", "images")
    assert ended.code == EXIT_NODE_FAILED, ended
    assert ended.seconds < SOON
    failed = [event for event in ended.events if event.get("outcome") == "failed" and event["event"] == "stepFinished"]
    assert failed
    for event in failed:
        assert event["step"].startswith("image registry.k8s.io/")
        for word in words:
            assert word in f"{event['step']}: {event['message']}", event


def test_corrected(cluster: Cluster) -> None:
    """With the right answers the same command goes on where it stopped."""
    cluster.write()
    ended = cluster.replay("--until", "images")
    assert ended.code == 0, ended
    assert REGISTRY_URL in cluster.answers.read_text()
