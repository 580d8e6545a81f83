"""A cluster outlives the kinstall that made it: installed by the first version that counts, gone on with by this one.

By hand (`make soak`): it needs the history of the repository, and makes an environment of the earlier version. The
tests run in order, on one cluster.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.api import Lab
from tests.lab.choices import after
from tests.lab.choices.after import Chosen
from tests.lab.cluster import CHECKOUT, REPOSITORY

pytestmark = pytest.mark.soak

FIRST = "32345fa"
"""The first version whose clusters have to be read for good."""

CHANGED = {
    "file /var/lib/kinstall/taints": "which taints are kinstall's is noted on the control plane; nothing restarts",
    "script taints": "the note is taken over from the Nodes' annotations; nothing restarts",
}
"""Steps that a replay by this version repeats or changes on such a cluster → why, and what restarts."""


def checkout(folder: Path) -> Path:
    """The first version in `folder`, with an environment of its own; its program."""
    archive = subprocess.run(["git", "archive", FIRST], cwd=REPOSITORY, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as held:
        held.extractall(folder, filter="data")
    subprocess.run(["make", "--silent", "environment"], cwd=folder, check=True)
    return folder / ".venv/bin/kinstall"


@pytest.fixture(scope="module")
def chosen(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Generator[Chosen]:
    """Three hosts, installed by the first version."""
    program = [str(checkout(tmp_path_factory.mktemp("first")))]
    private = lab.private_registry()  # with TLS: the first version knows no digests of images
    login = {"user": private["user"], "password": f"file:{private['passwordFile']}", "caFile": private["caFile"]}
    mirrors = {"registry.k8s.io": {"endpoint": private["url"], **login}}
    # The first version's own etcd, 3.7.0, is not in the lab any more.
    images = {"images": {"etcd": "3.7.1-0", "mirrors": mirrors}}
    yield from after.installed(lab, tmp_path_factory.mktemp("home"), 3, images, program=program)


def changes(chosen: Chosen) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = chosen.cluster.plan()["changes"]
    return rows


def test_the_first_version_installs(chosen: Chosen) -> None:
    """The cluster is up and verified; from here on this version goes on with it."""
    after.is_well(chosen)
    chosen.cluster.program = list(CHECKOUT)


def test_the_plan_names_what_changes(chosen: Chosen) -> None:
    """Only what this version is known to change, and each of it; restarts are among the plan's rows."""
    rows = changes(chosen)
    print(*(f"{row['node']}  {row['action']}  {row['step']}  {row['detail']}" for row in rows), sep="\n")
    assert {row["step"] for row in rows} == set(CHANGED)


def test_a_replay_changes_only_that(chosen: Chosen) -> None:
    """It ends well, with the checks; afterwards there is nothing to do."""
    ended = chosen.cluster.replay()
    assert ended.code == 0, ended
    after.nothing_to_do(chosen)


def test_it_stands_a_power_cut(chosen: Chosen) -> None:
    """All hosts off and on: verified without anybody's doing."""
    after.lose_power(chosen)


def test_a_reset_leaves_no_difference(chosen: Chosen) -> None:
    """What both versions changed is undone: files, units, links, rules and processes are as before the first."""
    after.reset(chosen)
