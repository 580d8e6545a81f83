"""What the operator's machine contributes: whatever cannot be had is told before a node is changed."""

from __future__ import annotations

import base64
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from kinstall.cluster import ClusterSpec, Mirror
from kinstall.cluster.release_files import release_files
from kinstall.errors import UsageError
from kinstall.secrets import HIDDEN, Redactor, Secrets
from kinstall.sources.from_disk import operators_file
from kinstall.sources.gather import gather
from kinstall.sources.server_tarball import PROGRAMS
from tests.unit.engine.test_download import Site
from tests.unit.sources.made import errors, files, server_tarball, spec_of, tar, vouch

PASSWORD = "s3cret-of-the-mirror"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


# Mirrors


def test_a_mirrors_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header holds user and password, the authority is read, and neither form of the password can be shown."""
    monkeypatch.setenv("MIRROR", PASSWORD)
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n")
    mirror = Mirror(endpoint="https://m", user="ops", password="env:MIRROR", ca_file=str(tmp_path / "ca.pem"))
    redactor = Redactor()
    found = gather(spec_of({"mirrors": {"registry.k8s.io": mirror}}), ["amd64"], Secrets(redactor))
    access = found.mirrors["registry.k8s.io"]
    encoded = base64.b64encode(f"ops:{PASSWORD}".encode()).decode()
    assert access.authorization == f"Basic {encoded}"
    assert access.ca.startswith(b"-----BEGIN")
    assert encoded not in repr(found)
    assert redactor.text(f"{encoded} {PASSWORD}") == f"{HIDDEN} {HIDDEN}"
    assert not errors(found)


def test_a_mirror_that_lets_nobody_in(tmp_path: Path) -> None:
    """A password that is nowhere, an authority that is no certificate: each mirror's is told."""
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    mirrors = {
        "a.example.com": Mirror(endpoint="https://m", user="ops", password="env:NOT_THERE"),
        "b.example.com": Mirror(endpoint="https://m", ca_file=str(tmp_path / "none.pem")),
        "c.example.com": Mirror(endpoint="https://m", ca_file=str(tmp_path / "key.pem")),
    }
    told = errors(gather(spec_of({"mirrors": mirrors}), ["amd64"], Secrets()))
    assert len(told) == 3
    assert "the environment variable NOT_THERE, named" in told[0]
    assert "cannot read" in told[1]
    assert "private key" in told[2]


# Release files


def test_a_folder_of_files(tmp_path: Path) -> None:
    """Each file is taken by what the checksum file beside it says, and is sent from where it lies."""
    spec = spec_of(folder=str(tmp_path / "{arch}"))
    files(tmp_path / "amd64", spec)
    found = gather(spec, ["amd64"], Secrets())
    assert not errors(found)
    assert set(found.digests["amd64"]) == {file.name for file in release_files(spec, "amd64")}
    for name, digest in found.digests["amd64"].items():
        assert found.paths[digest] == tmp_path / "amd64" / name


def test_a_folder_that_is_not_right(tmp_path: Path) -> None:
    """A missing file, one without a word for it, and one that is another than its checksum: all are told at once."""
    spec = spec_of(folder=str(tmp_path / "files"), sha256={"kube-proxy": "b" * 64})
    folder = files(tmp_path / "files", spec)
    (folder / "runc.amd64").unlink()
    (folder / "kubelet.sha256").unlink()
    (folder / "kubectl").write_bytes(b"half")
    told = errors(gather(spec, ["amd64"], Secrets()))
    assert len(told) == 4
    assert "no checksum for" in told[0] and "kubelet.sha256" in told[0]
    assert "kubectl.sha256 says" in told[1]
    assert "downloads.sha256 says" in told[2]
    assert "cannot read" in told[3] and "runc.amd64" in told[3]


def test_a_tarballs_programs(tmp_path: Path, cache: Path) -> None:
    """They are unpacked once under the tarball's checksum; the second time they are there."""
    path = server_tarball(tmp_path)
    spec = spec_of(server_tarball=str(tmp_path / "kubernetes-server-linux-{arch}.tar.gz"))
    found = gather(spec, ["amd64"], Secrets())
    # The rest would come from sites.
    assert set(found.digests["amd64"]) == set(PROGRAMS)
    assert not errors(found)
    for digest in found.digests["amd64"].values():
        assert found.paths[digest].read_bytes() == b"all programs in one"
    kept = cache / "kinstall/server-tarballs" / sha256(path.read_bytes()).hexdigest()
    made = (kept / "members.json").stat().st_mtime_ns
    assert gather(spec, ["amd64"], Secrets()).digests == found.digests
    assert (kept / "members.json").stat().st_mtime_ns == made
    kubectl = next(file for file in release_files(spec, "amd64") if file.name == "kubectl")
    assert operators_file(spec, kubectl)[0] == kept / "kubectl"


def test_a_tarball_that_is_fetched(tmp_path: Path) -> None:
    """From an address it comes to this machine once, and only if it is the one that is pinned."""
    path = server_tarball(tmp_path)
    content = path.read_bytes()
    site = Site()
    try:
        site.offer(f"/{path.name}", content)
        url = site.url("/kubernetes-server-linux-{arch}.tar.gz")
        other = spec_of(server_tarball=url, sha256={path.name: "d" * 64})
        (told,) = errors(gather(other, ["amd64"], Secrets()))
        assert "could not be fetched" in told and sha256(content).hexdigest() in told
        spec = spec_of(server_tarball=url, sha256={path.name: sha256(content).hexdigest()})
        asked = len(site.asked)
        for _ in range(2):
            found = gather(spec, ["amd64"], Secrets())
            assert not errors(found)
            assert set(found.digests["amd64"]) == set(PROGRAMS)
        assert len(site.asked) == asked + 1
    finally:
        site.server.shutdown()
        site.server.server_close()


def test_a_tarball_that_is_not_right(tmp_path: Path) -> None:
    """None, one without a checksum, one that was cut off, another release's: one sentence each."""
    place = str(tmp_path / "kubernetes-server-linux-amd64.tar.gz")
    spec = spec_of(server_tarball=place)

    def only(spec: ClusterSpec = spec) -> str:
        (told,) = errors(gather(spec, ["amd64"], Secrets()))
        return told

    assert "no checksum for" in only()
    path = server_tarball(tmp_path, tag="v1.36.3")
    assert "tarball of release 1.36.3, not 1.37.2" in only()
    path.write_bytes(path.read_bytes()[:-200])
    assert "but" in only() and ".sha256 says" in only()
    vouch(path)
    assert "is not a server tarball" in only()
    path.write_bytes(b"no archive")
    vouch(path)
    assert "cannot be unpacked" in only()
    tar(path, {"kubernetes/client/bin/kubectl": b""}, "w:gz")
    vouch(path)
    assert "is not a server tarball" in only()
    pinned = spec_of(server_tarball=place, sha256={"kubelet": "c" * 64})
    path = server_tarball(tmp_path)
    assert "kubelet in" in only(pinned) and "downloads.sha256 says" in only(pinned)


def test_no_kubectl_without_a_word(tmp_path: Path) -> None:
    """The operator's own copy is checked like those that nodes get."""
    spec = spec_of(folder=str(tmp_path))
    (tmp_path / "kubectl").write_bytes(b"x")
    kubectl = next(file for file in release_files(spec, "amd64") if file.name == "kubectl")
    with pytest.raises(UsageError, match="no checksum for"):
        operators_file(spec, kubectl)


def test_a_proxy_of_this_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registries that it is for, nothing of its address; not those of mirrors, of no_proxy, and of archives."""
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def told(images: dict[str, Any]) -> list[str]:
        found = gather(spec_of(images), ["amd64"], Secrets()).findings
        return [each.message for each in found if each.check == "proxies"]

    assert told({}) == []
    monkeypatch.setenv("https_proxy", "http://ann:canary@proxy.example:3128")
    (message,) = told({})
    assert message == "this machine reaches registry.k8s.io through a proxy; the nodes' containerd has none"
    assert told({"mirrors": {"registry.k8s.io": Mirror(endpoint="https://mirror.example")}}) == []
    assert "harbor.example:5000" in told({"image_repository": "harbor.example:5000/k8s"})[0]
    monkeypatch.setenv("no_proxy", ".example,10.0.0.0/8")
    assert told({"image_repository": "harbor.example:5000/k8s"}) == []
    assert told({"source": "archives"}) == []
