"""Mirrors that left the answers, for real: sh code on a node in a mount namespace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from assets import paths
from assets.container_runtime.containerd import other_mirrors
from kinstall.cluster import Images, Mirror
from kinstall.engine.record import Entry, Kind
from tests.unit.assets.cluster import SPEC
from tests.unit.local_node import LocalNode, start

HERE = "/mnt/certs.d"


@pytest.fixture
def node() -> Iterator[LocalNode]:
    made = start()
    yield made
    made.close()


def status(node: LocalNode, code: str) -> int:
    return node.execute(f"set -e\n(\n{code.replace(paths.CONTAINERD_CERTS, HERE)}\n)\n")


def test_only_what_is_ours_and_not_wanted_goes(node: LocalNode) -> None:
    """The files of a mirror that is still named stay, and so does what others put there."""
    mirrors = {"registry.k8s.io": Mirror(endpoint="https://m", user="u", password="env:X", ca_file="ca.pem")}
    with_it = replace(SPEC, images=Images(mirrors=mirrors))
    ours = [f"{HERE}/{name}" for name in ("registry.k8s.io/hosts.toml", "registry.k8s.io/ca.crt")]
    gone = f"{HERE}/r.example.com:5000/hosts.toml"
    for path in (*ours, gone):
        node.write(path, "x")
    node.write(paths.RECORD, "\n".join(Entry(Kind.FILE, path).line() for path in (*ours, gone)) + "\n")
    node.write(f"{HERE}/theirs/hosts.toml", "x")
    assert status(node, other_mirrors(with_it, "exit 1")) == 1
    assert status(node, other_mirrors(with_it, 'rm -f -- "$f"')) == 0
    assert [node.path(path).exists() for path in (*ours, gone)] == [True, True, False]
    assert node.path(f"{HERE}/theirs/hosts.toml").exists()
    assert status(node, other_mirrors(with_it, "exit 1")) == 0
    assert status(node, other_mirrors(SPEC, 'rm -f -- "$f"')) == 0
    assert [node.path(path).exists() for path in ours] == [False, False]
    assert status(node, other_mirrors(SPEC, "exit 1")) == 0


def test_a_bare_node_has_nothing_of_it(node: LocalNode) -> None:
    """Neither the folder nor a record is there: the check says that there is nothing to do."""
    assert status(node, other_mirrors(SPEC, "exit 1")) == 0
