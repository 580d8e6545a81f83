"""kubectl for the operator: the cluster's own version, beside its kubeconfig in the state folder."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from kinstall.cluster import ClusterSpec
from kinstall.cluster.release_files import Place, release_files
from kinstall.errors import KinstallError
from kinstall.facts.parse import ARCHITECTURES
from kinstall.sources.checksums import resolve
from kinstall.sources.download import copy_file, fetch_file
from kinstall.sources.from_disk import operators_file
from kinstall.state.folder import StateFolder


def fetch_kubectl(spec: ClusterSpec, state: StateFolder) -> str:
    """Put kubectl into the state folder's bin/, its checksum verified; a sentence where that cannot be, "" if it is.

    A copy of the same release that is there already is kept. Never raises: a cluster does not fail for want of it.
    """
    arch = ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or arch is None:
        return "kubectl for this machine's kind has to be fetched by hand"
    file = next(each for each in release_files(spec, arch) if each.name == "kubectl")
    target = state.bin / "kubectl"
    try:
        if file.place is Place.SITE:
            digest = resolve(spec, [arch])[arch]["kubectl"]
        else:
            path, digest = operators_file(spec, file)
        if state.read(_stamp_path(target)) == _stamp(target, digest):
            return ""
        if file.place is Place.SITE:
            fetch_file(file.url, digest, target, 0o700)
        else:
            copy_file(path, digest, target, 0o700)
        state.write(_stamp_path(target), _stamp(target, digest))
    except (OSError, KinstallError) as error:
        return f"kubectl could not be fetched from {file.url}: {error}"
    return ""


def _stamp_path(target: Path) -> Path:
    return target.with_name(".kubectl.stamp")


def _stamp(target: Path, digest: str) -> bytes:
    """The digest, and size and times: as long as those stand, the content need not be read again."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return b"not there"
    return f"{digest} {found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}\n".encode()
