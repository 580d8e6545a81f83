"""What `kinstall render` writes: every file that a replay puts on a node, and nothing that must not be shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assets import paths
from kinstall.answers.load import load
from kinstall.cluster import ClusterSpec
from kinstall.engine.steps import File
from kinstall.errors import InvalidAnswers
from kinstall.operations.render import render
from tests.golden.making import EXAMPLES, FOLDER, names, plan_of


def example(name: str) -> ClusterSpec:
    spec = load(EXAMPLES / f"{name}.yaml")
    manifest = spec.networking.pod_network_manifest and str(FOLDER / "own-network.yaml")
    return replace(spec, networking=replace(spec.networking, pod_network_manifest=manifest))


@pytest.mark.parametrize("name", names())
def test_all_files_of_a_plan_are_written(tmp_path: Path, name: str) -> None:
    """The cluster's first objects, the add-ons and the record too; of a plan's files only CAs' keys are left out."""
    spec = example(name)
    written = {str(path.relative_to(tmp_path / "out")) for path in render(spec, tmp_path / "out")}
    plan = plan_of(spec)
    planned = {node + step.path for node in plan.nodes for _, step in plan.of(node) if isinstance(step, File)}
    assert written == {path for path in planned if not path.endswith(paths.CA_KEYS)}
    assert written == {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    leader = next(iter(plan.nodes))
    assert f"{leader}/etc/kinstall/objects.yaml" in written


def test_the_pod_networks_manifest_is_the_answers(tmp_path: Path) -> None:
    """As the operator wrote it, on the node that applies it, for its owner only."""
    spec = example("own-parts")
    render(spec, tmp_path / "out")
    (found,) = (tmp_path / "out").rglob("pod-network.yaml")
    assert found.read_bytes() == (FOLDER / "own-network.yaml").read_bytes() and found.stat().st_mode & 0o777 == 0o600


def test_a_manifest_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Before anything is written."""
    spec = example("own-parts")
    missing = replace(spec, networking=replace(spec.networking, pod_network_manifest=str(tmp_path / "none.yaml")))
    with pytest.raises(InvalidAnswers, match=r"networking\.podNetworkManifest.*none\.yaml"):
        render(missing, tmp_path / "out")
    assert not (tmp_path / "out").exists()
