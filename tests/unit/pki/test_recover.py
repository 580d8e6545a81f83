"""A PKI read back from the nodes of a living cluster."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from assets import paths
from assets.credentials.pki import Leaf
from kinstall.engine.host import Host
from kinstall.errors import Unreachable
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.recover import recover_pki
from kinstall.pki.store import ensure_pki
from tests.unit.assets.cluster import NOW, SPEC, files_of


class Disk:
    """A node of which only files are read; without any it cannot be reached."""

    def __init__(self, name: str, files: dict[str, bytes] | None) -> None:
        self.name, self.files = name, files

    def read(self, wanted: Sequence[str]) -> dict[str, bytes]:
        if self.files is None:
            raise Unreachable(self.name, "no answer", "")
        return {path: self.files[path] for path in wanted if path in self.files}


def cluster(folder: Path) -> tuple[Any, dict[str, dict[str, bytes]]]:
    pki = ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=True)
    return pki, {n.name: {p: f.content for p, f in files_of(SPEC, n.name, pki).items()} for n in SPEC.nodes}


def test_everything_that_nodes_use_is_as_it_was(tmp_path: Path) -> None:
    """Authorities, pairs in files and pairs in kubeconfigs; only what no node holds is made anew."""
    before, disks = cluster(tmp_path / "old")
    admin = disks[SPEC.control_planes[0].name]
    recover_pki(
        SPEC,
        SPEC.control_planes[0],
        cast("dict[str, Host]", {n: Disk(n, f) for n, f in disks.items()}),
        PkiFolder(tmp_path / "new"),
    )
    after = ensure_pki(SPEC, PkiFolder(tmp_path / "new"), NOW, create_cas=False)
    assert (after.authorities, after.service_accounts) == (before.authorities, before.service_accounts)
    differ = {leaf for leaf, pair in before.leaves.items() if after.leaves[leaf] != pair}
    nowhere = {("", Leaf.SUPER_ADMIN)} | (set() if paths.ADMIN_CONF in admin else {("", Leaf.ADMIN)})
    assert differ == nowhere


def test_what_cannot_be_read_is_signed_again(tmp_path: Path) -> None:
    """A node that is down, a damaged kubeconfig and a damaged certificate cost only their own pairs."""
    before, disks = cluster(tmp_path / "old")
    front, other = SPEC.control_planes[0].name, SPEC.nodes[-1].name
    disks[front][paths.SCHEDULER_CONF] = b"users: [\n"
    disks[front][f"{paths.PKI}/{Leaf.APISERVER}.crt"] = b"nothing"
    hosts = {n: Disk(n, None if n == other else f) for n, f in disks.items()}
    recover_pki(SPEC, SPEC.control_planes[0], cast("dict[str, Host]", hosts), PkiFolder(tmp_path / "new"))
    after = ensure_pki(SPEC, PkiFolder(tmp_path / "new"), NOW, create_cas=False)
    assert after.authorities == before.authorities
    differ = {leaf for leaf, pair in before.leaves.items() if after.leaves[leaf] != pair and leaf[0]}
    assert differ == {(front, Leaf.SCHEDULER), (front, Leaf.APISERVER)} | {k for k in before.leaves if k[0] == other}
