"""`kinstall render`: every file of every node in a folder, to be read; no host is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from assets import paths
from assets.credentials.issue import ca_fingerprint
from kinstall.cluster import ClusterSpec
from kinstall.cluster.pod_ranges import assign_pod_cidrs
from kinstall.cluster.release_files import release_files
from kinstall.engine.steps import File
from kinstall.errors import UsageError
from kinstall.operations import operator_files
from kinstall.operations.replay import phases
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.store import ensure_pki
from kinstall.plan.node_inputs import Inputs, NodeProfile
from kinstall.sources.offline import placeholders

_ARCH = "amd64"
_UNKNOWN = "0" * 64
"""In the place of a download's checksum: no file that is written depends on it."""


def render(spec: ClusterSpec, folder: Path) -> list[Path]:
    """Write every file that a replay puts on a node below `folder`/NODE (0700), made with throw-away keys and without
    authorities' keys; passwords of mirrors are made up too. The pod network's manifest is the answers'.

    Nothing of a host is known then: facts stand at their usual values.

    Raises:
        UsageError: the folder exists and is not empty
        InvalidAnswers: the manifest cannot be used
    """
    network = operator_files.own_network(spec)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", "name a new folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    keys = ensure_pki(spec, PkiFolder(folder / "pki", on_disk=False), datetime.now(UTC), create_cas=True)
    contributed = placeholders(spec, [_ARCH])
    digests = {file.name: _UNKNOWN for file in release_files(spec, _ARCH)}
    profile = NodeProfile(arch=_ARCH, digests=digests, archives=contributed.archives.get(_ARCH, {}))
    plan = phases(
        Inputs(
            spec=spec,
            pki=keys,
            ca_fingerprint=ca_fingerprint(keys.ca.certificate_pem),
            pod_cidrs=assign_pod_cidrs(spec, {}),
            mirrors=contributed.mirrors,
            profiles={node.name: profile for node in spec.nodes},
            own_network=network,
        )
    )
    written: list[Path] = []
    for node in plan.nodes:
        for _, step in plan.of(node):
            if not isinstance(step, File) or step.path in paths.CA_KEYS:
                continue
            path = folder / node / step.path.lstrip("/")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(step.content)
            path.chmod(step.mode & 0o700 | (step.mode & 0o077 if not step.secret else 0))
            written.append(path)
    return written
