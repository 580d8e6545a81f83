"""kinstall/answers/examples/NAME.yaml → path of a golden file → its text."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path

from assets.pod_network.manifest import Manifest, read
from kinstall.answers.load import load
from kinstall.cluster import ClusterSpec
from kinstall.cluster.pod_ranges import assign_pod_cidrs
from kinstall.cluster.release_files import release_files
from kinstall.engine.steps import File, Plan
from kinstall.operations.replay import phases
from kinstall.plan.node_inputs import Inputs, NodeProfile
from kinstall.sources.offline import placeholders
from tests.golden.masks import described_pki, readable
from tests.golden.plan_text import plan_text

FOLDER = Path(__file__).parent
EXAMPLES = Path(__file__).parents[2] / "kinstall/answers/examples"


def names() -> list[str]:
    """Names of the examples, without their suffix."""
    return sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


def profile_of_every_node(spec: ClusterSpec) -> NodeProfile:
    """Facts as of a Debian machine with systemd-resolved; a digest is that of the file's name."""
    return NodeProfile(
        arch="amd64",
        archives=placeholders(spec, ["amd64"]).archives.get("amd64", {}),
        digests={file.name: sha256(file.name.encode()).hexdigest() for file in release_files(spec, "amd64")},
        mtu=1500,
        resolv_conf="/run/systemd/resolve/resolv.conf",
        has_resolver=True,
        ca_folders=("/etc/ssl/certs", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"),
    )


def own_network_of(spec: ClusterSpec) -> Manifest | None:
    """In the place of the manifest that the answers name."""
    return None if spec.networking.plans_ranges else read((FOLDER / "own-network.yaml").read_bytes())


def plan_of(spec: ClusterSpec) -> Plan:
    """The plan of `spec` with fixed facts and described keys."""
    with tempfile.TemporaryDirectory() as scratch:
        pki = described_pki(spec, Path(scratch) / "pki")
    profile = profile_of_every_node(spec)
    return phases(
        Inputs(
            spec=spec,
            pki=pki,
            ca_fingerprint="SHA-256 of the authority's certificate",
            pod_cidrs=assign_pod_cidrs(spec, {}),
            mirrors=placeholders(spec, ["amd64"]).mirrors,
            profiles={node.name: profile for node in spec.nodes},
            own_network=own_network_of(spec),
        )
    )


def golden(name: str) -> dict[str, str]:
    """Path below tests/golden/NAME → text: `plan.txt`, and every planned file under its node's name."""
    plan = plan_of(load(EXAMPLES / f"{name}.yaml"))
    texts = {"plan.txt": plan_text(plan)}
    for node in plan.nodes:
        for _, step in plan.of(node):
            if isinstance(step, File):
                texts[node + step.path] = readable(step.content)
    return texts


def stored(name: str) -> dict[str, str]:
    """What lies in tests/golden/NAME."""
    folder = FOLDER / name
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}
