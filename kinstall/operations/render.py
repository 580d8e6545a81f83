"""`kinstall render`: every file of every node in a folder, to be read; no host is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from assets import paths
from assets.credentials.issue import ca_fingerprint
from kinstall.cluster import ClusterSpec
from kinstall.cluster.pod_ranges import assign_pod_cidrs
from kinstall.errors import UsageError
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.store import ensure_pki
from kinstall.plan.node_inputs import Inputs, NodeProfile, node_files
from kinstall.sources.offline import placeholders


def render(spec: ClusterSpec, folder: Path) -> list[Path]:
    """Write every node's files below `folder`/NODE (0700), made with throw-away keys and without authorities' keys;
    passwords of mirrors are made up too.

    Nothing of a host is known then: facts stand at their usual values.

    Raises:
        UsageError: the folder exists and is not empty
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", "name a new folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    keys = ensure_pki(spec, PkiFolder(folder / "pki", on_disk=False), datetime.now(UTC), create_cas=True)
    contributed = placeholders(spec, ["amd64"])
    profile = NodeProfile(arch="amd64", digests={})
    inputs = Inputs(
        spec=spec,
        pki=keys,
        ca_fingerprint=ca_fingerprint(keys.ca.certificate_pem),
        pod_cidrs=assign_pod_cidrs(spec, {}),
        mirrors=contributed.mirrors,
        profiles={node.name: profile for node in spec.nodes},
    )
    written: list[Path] = []
    for node in spec.nodes:
        for files in node_files(inputs, node).values():
            for each in files:
                if each.path in paths.CA_KEYS:
                    continue
                path = folder / node.name / each.path.lstrip("/")
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600)
                path.write_bytes(each.content)
                path.chmod(each.mode & 0o700 | (each.mode & 0o077 if not each.secret else 0))
                written.append(path)
    return written
