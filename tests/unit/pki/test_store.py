"""The PKI folder: what is made, kept, renewed and refused."""

import os
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from assets.credentials.pki import Leaf, Signer
from kinstall.cluster import WORKER, Node, Security
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.store import PkiMissing, PkiUnusable, ensure_pki, read_back
from tests.unit.assets.cluster import NOW, SPEC


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ensure_pki(SPEC, PkiFolder(tmp_path / "pki"), NOW, create_cas=True)
    return tmp_path / "pki"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stats_of(folder: Path) -> dict[Path, tuple[int, int]]:
    paths = {path: path.stat() for path in (folder, *folder.rglob("*"))}
    return {path: (stat.st_mode, stat.st_mtime_ns) for path, stat in paths.items()}


def test_a_second_run_changes_nothing(folder: Path) -> None:
    """The same keys come back, and no file is touched."""
    before = contents(folder)
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    first = ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=False)
    second = ensure_pki(SPEC, PkiFolder(folder), NOW + timedelta(days=100), create_cas=False)
    assert first == second
    assert contents(folder) == before
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == stamps


def test_a_second_run_is_quick(folder: Path) -> None:
    """Reading and judging the certificates of three nodes takes well under the second replay's budget."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=False)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.15


def test_in_memory_nothing_is_written(folder: Path, tmp_path: Path) -> None:
    """What the folder has is used, what is missing or expires soon is made, and not a byte or a mode changes; the next
    one who asks the same object gets the same keys."""
    folder.chmod(0o755)
    (folder / "admin.pem").unlink()
    before, stats = contents(folder), stats_of(folder)
    memory = PkiFolder(folder, on_disk=False)
    later = NOW + timedelta(days=300)
    keys = ensure_pki(SPEC, memory, later, create_cas=False)
    assert keys.ca.certificate_pem == before["ca.crt"] and keys.leaves["", Leaf.ADMIN].key_pem
    assert ensure_pki(SPEC, memory, later, create_cas=False) == keys
    assert contents(folder) == before and stats_of(folder) == stats
    nowhere = PkiFolder(tmp_path / "nowhere", on_disk=False)
    assert ensure_pki(SPEC, nowhere, NOW, create_cas=True).ca.key_pem and not nowhere.path.exists()


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """Keys are 0600 in folders of 0700, whatever the umask."""
    before = os.umask(0)
    try:
        ensure_pki(SPEC, PkiFolder(tmp_path / "pki"), NOW, create_cas=True)
    finally:
        os.umask(before)
    for path in [tmp_path / "pki", *(tmp_path / "pki").rglob("*")]:
        mode = path.stat().st_mode & 0o777
        if path.is_dir():
            assert mode == 0o700, path
        else:
            assert mode == (0o644 if path.suffix in (".crt", ".pub") else 0o600), path
            assert mode == 0o600 or b"PRIVATE" not in path.read_bytes(), path


def test_a_new_node_gets_its_own_and_nothing_else_moves(folder: Path) -> None:
    """A third worker: three new files."""
    before = contents(folder)
    spec = replace(SPEC, nodes=(*SPEC.nodes, Node(name="w3", address="192.0.2.14", role=WORKER)))
    ensure_pki(spec, PkiFolder(folder), NOW, create_cas=False)
    after = contents(folder)
    assert set(after) - set(before) == {f"nodes/w3/{name}.pem" for name in ("kubelet", "kubelet-client", "kube-proxy")}
    assert {name: after[name] for name in before} == before


def test_only_what_a_changed_answer_touches_is_renewed(folder: Path) -> None:
    """Another name for the API: one certificate."""
    before = contents(folder)
    ensure_pki(
        replace(SPEC, security=Security(extra_sans=("api.example.org",))), PkiFolder(folder), NOW, create_cas=False
    )
    after = contents(folder)
    assert [name for name in after if after[name] != before[name]] == ["nodes/cp1/apiserver.pem"]


def test_worn_out_leaves_are_renewed_and_authorities_stay(folder: Path) -> None:
    """After eight of twelve months and some, every leaf is new and every authority is the old one."""
    before = contents(folder)
    pki = ensure_pki(SPEC, PkiFolder(folder), NOW + timedelta(days=250), create_cas=False)
    after = contents(folder)
    assert {name for name in before if before[name] == after[name]} == {
        "ca.crt", "ca.key", "etcd/ca.crt", "etcd/ca.key", "front-proxy-ca.crt", "front-proxy-ca.key",
        "sa.key", "sa.pub",
    }  # fmt: skip
    assert after["nodes/cp1/apiserver.pem"].startswith(pki.leaf(Leaf.APISERVER, "cp1").certificate_pem)


def test_a_broken_leaf_is_made_anew(folder: Path) -> None:
    """A leaf can always be replaced: an empty or cut file is no error."""
    for damage in (b"", (folder / "admin.pem").read_bytes()[:700]):
        (folder / "admin.pem").write_bytes(damage)
        pki = ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=False)
        expected = pki.leaf(Leaf.ADMIN)
        assert (folder / "admin.pem").read_bytes() == expected.certificate_pem + expected.key_pem


@pytest.mark.parametrize("name", ["ca.crt", "etcd/ca.crt", "sa.key"])
def test_a_living_clusters_keys_are_never_made_anew(folder: Path, name: str) -> None:
    """What is missing is named, with the ways to get it back; nothing is written."""
    (folder / name).unlink()
    before = contents(folder)
    with pytest.raises(PkiMissing) as caught:
        ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=False)
    assert str(folder / name) in caught.value.what
    assert "backup" in caught.value.remedy
    assert contents(folder) == before


def test_a_key_without_certificate_is_what_a_crash_leaves(folder: Path) -> None:
    """The key of an authority is written first; alone it signed nothing yet, so both are made anew."""
    (folder / "ca.crt").unlink()
    old = (folder / "ca.key").read_bytes()
    pki = ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=True)
    assert (folder / "ca.key").read_bytes() == pki.ca.key_pem != old


def test_half_an_authority_is_refused(folder: Path) -> None:
    """A certificate whose key is gone, another one's, or unreadable: said, not mended, with new ones allowed or not."""
    key = folder / "ca.key"
    good = key.read_bytes()
    key.write_bytes((folder / "etcd/ca.key").read_bytes())
    with pytest.raises(PkiUnusable, match="not a pair"):
        ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=True)
    key.write_bytes(b"garbage")
    with pytest.raises(PkiUnusable, match="cannot be read"):
        ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=True)
    key.unlink()
    with pytest.raises(PkiUnusable, match="not its key"):
        ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=True)
    key.write_bytes(good)
    ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=False)


def test_an_expired_authority_is_named(folder: Path) -> None:
    """Ten years later, or with a clock that says so."""
    with pytest.raises(PkiUnusable, match="expired on 2036-02-27"):
        ensure_pki(SPEC, PkiFolder(folder), NOW + timedelta(days=3651), create_cas=True)


def test_a_lost_public_key_follows_from_the_private_one(folder: Path) -> None:
    """sa.pub is derived, so losing it loses nothing."""
    public = (folder / "sa.pub").read_bytes()
    (folder / "sa.pub").unlink()
    assert ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=False).service_accounts.public_pem == public
    assert (folder / "sa.pub").read_bytes() == public


def test_read_back_from_a_control_plane(folder: Path, tmp_path: Path) -> None:
    """The files of /etc/kubernetes/pki fill an empty folder, and the cluster keeps its authorities."""
    names = [f"{signer}.{suffix}" for signer in Signer for suffix in ("crt", "key")] + ["sa.key", "sa.pub"]
    files = {name: (folder / name).read_bytes() for name in names}
    fresh = tmp_path / "fresh"
    read_back(PkiFolder(fresh), files)
    old = ensure_pki(SPEC, PkiFolder(folder), NOW, create_cas=False)
    new = ensure_pki(SPEC, PkiFolder(fresh), NOW, create_cas=False)
    assert (new.authorities, new.service_accounts) == (old.authorities, old.service_accounts)


def test_read_back_of_a_wrong_key_writes_nothing(folder: Path, tmp_path: Path) -> None:
    """Files that do not belong together are refused before the first is written."""
    names = [f"{signer}.{suffix}" for signer in Signer for suffix in ("crt", "key")] + ["sa.key", "sa.pub"]
    files = {name: (folder / name).read_bytes() for name in names}
    with pytest.raises(PkiUnusable, match="not a pair"):
        read_back(PkiFolder(tmp_path / "fresh"), {**files, "ca.key": files["etcd/ca.key"]})
    del files["sa.key"]
    with pytest.raises(PkiUnusable, match=r"does not hold sa\.key"):
        read_back(PkiFolder(tmp_path / "fresh"), files)
    assert not (tmp_path / "fresh").exists()


def test_rsa_on_request(tmp_path: Path) -> None:
    """`security.keyType: rsa` makes every key RSA, the service accounts' too."""
    spec = replace(SPEC, nodes=SPEC.nodes[:1], security=Security(key_type="rsa"))
    pki = ensure_pki(spec, PkiFolder(tmp_path / "pki"), NOW, create_cas=True)
    keys = [pair.key_pem for pair in (*pki.authorities.values(), *pki.leaves.values())]
    assert all(b"BEGIN RSA PRIVATE KEY" in key for key in (*keys, pki.service_accounts.key_pem))
