"""Image archives: which are found in a folder, what is in them, and what is not right with one."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from kinstall.cluster.release_files import image_refs
from kinstall.errors import UsageError
from kinstall.secrets import Secrets
from kinstall.sources.gather import gather
from kinstall.sources.image_archive import files_in, read
from tests.unit.sources.made import (
    VERSION,
    errors,
    layout,
    others,
    saved,
    server_tarball,
    spec_of,
    tar,
    vouch,
    with_archives,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_every_image_has_its_archive(tmp_path: Path) -> None:
    """The tarball's are called by their architecture, the folder's as Docker and as OCI tools name them."""
    spec = with_archives(tmp_path)
    server_tarball(tmp_path)
    others(tmp_path / "images", spec)
    found = gather(spec, ["amd64"], Secrets())
    assert not errors(found)
    names = {ref: archive.name for ref, archive in found.archives["amd64"].items()}
    refs = image_refs(spec)
    assert set(names) == set(refs.all())
    assert names[refs.kube_apiserver] == f"registry.k8s.io/kube-apiserver-amd64:v{VERSION}"
    assert names[refs.coredns] == refs.coredns
    assert found.archives["amd64"][refs.coredns].sha256 == found.archives["amd64"][refs.agnhost].sha256
    for archive in found.archives["amd64"].values():
        assert sha256(found.paths[archive.sha256].read_bytes()).hexdigest() == archive.sha256


def test_images_of_the_operators_own(tmp_path: Path) -> None:
    """What else the folder's archives hold, of the right architecture, is taken under its own name."""
    spec = with_archives(tmp_path)
    server_tarball(tmp_path)
    others(tmp_path / "images", spec)
    tar(tmp_path / "images/own.tar", layout("example.com/cni/agent:v1"))
    tar(tmp_path / "images/other.tar", layout("example.com/cni/agent:v2", arch="arm64"))
    tar(tmp_path / "images/short.tar", saved("app:1"))
    found = gather(spec, ["amd64"], Secrets()).archives["amd64"]
    own = set(found) - set(image_refs(spec).all())
    assert own == {"example.com/cni/agent:v1", "docker.io/library/app:1"}
    assert all(found[name].name == name for name in own)


def test_images_of_another_prefix(tmp_path: Path) -> None:
    """The official names in the archives stand for those of the answers' own repository."""
    spec = with_archives(tmp_path, image_repository="registry.example.com/k8s")
    server_tarball(tmp_path)
    others(tmp_path / "images", with_archives(tmp_path))
    found = gather(spec, ["amd64"], Secrets())
    assert not errors(found)
    wanted = image_refs(spec).etcd
    assert wanted.startswith("registry.example.com/k8s/etcd:")
    assert found.archives["amd64"][wanted].name == wanted.replace("registry.example.com/k8s", "registry.k8s.io")


def test_an_image_of_another_registry(tmp_path: Path) -> None:
    """A whole reference in the answers is looked for under that name, and not under the official one."""
    spec = with_archives(tmp_path, etcd="quay.io/coreos/etcd:v3.6.8")
    server_tarball(tmp_path)
    others(tmp_path / "images", with_archives(tmp_path))
    (told,) = errors(gather(spec, ["amd64"], Secrets()))
    assert "holds quay.io/coreos/etcd:v3.6.8 for amd64" in told
    tar(tmp_path / "images/quay.tar", saved("quay.io/coreos/etcd:v3.6.8"))
    found = gather(spec, ["amd64"], Secrets())
    assert found.archives["amd64"]["quay.io/coreos/etcd:v3.6.8"].source.endswith("quay.tar")


def test_images_that_are_missing(tmp_path: Path) -> None:
    """What no archive has, and what is of another architecture or tag, is told with what is there instead."""
    spec = with_archives(tmp_path, etcd="9.9.9-0")
    server_tarball(tmp_path)
    others(tmp_path / "images", with_archives(tmp_path))
    tar(tmp_path / "images/rest.tar", layout(image_refs(spec).coredns, arch="arm64"))
    told = errors(gather(spec, ["amd64"], Secrets()))
    assert len(told) == 3
    assert "etcd:9.9.9-0 for amd64, only registry.k8s.io/etcd:" in told[0]
    assert "coredns" in told[1] and "another architecture" in told[1]
    assert "agnhost" in told[2] and "only" not in told[2]


def test_archives_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that was cut off, one that is no archive, and one that is another than the checksum beside it says."""
    spec = with_archives(tmp_path)
    server_tarball(tmp_path)
    folder = others(tmp_path / "images", spec)
    (folder / "etcd.tar").write_bytes((folder / "etcd.tar").read_bytes()[:1700])
    tar(folder / "no-image.tar", {"readme": b"hello"})
    tar(folder / "no-name.tar", saved())
    vouch(folder / "rest.tar")
    tar(folder / "rest.tar", layout("registry.k8s.io/x:1"))
    told = errors(gather(spec, ["amd64"], Secrets()))
    assert len(told) == 4
    assert "etcd.tar cannot be read as an image archive" in told[0]
    assert "neither manifest.json nor oci-layout" in told[1]
    assert "holds no image with a name" in told[2]
    assert "rest.tar.sha256 says" in told[3]


def only_error(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read(path)
    assert "None" not in str(caught.value) and caught.value.remedy
    return str(caught.value)


INDEX = b'{"manifests": [%s]}'
OCI: dict[str, bytes | str] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
EMPTY = f"sha256:{sha256(b'{}').hexdigest()}"
NAMED = b'{"digest": "%s", "annotations": {"io.containerd.image.name": "r.example.com/a:1"}}' % EMPTY.encode()
EMPTY_BLOB = {f"blobs/sha256/{EMPTY[7:]}": b"{}"}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"repositories": b"{}", "abc/json": b"{}", "abc/layer.tar": b""}, "Docker before 1.10"),
        ({"manifest.json": b"null"}, "manifest.json is not a list"),
        ({"manifest.json": b"[null]"}, "an image of manifest.json is not a mapping"),
        ({"manifest.json": b'[{"Config": null}]'}, "Config in manifest.json is not a text"),
        ({"manifest.json": b'[{"Config": "c.json", "RepoTags": ["a:1"]}]'}, "c.json is not in it"),
        ({"manifest.json": b'[{"Config": "c.json"}]', "c.json": b"{}"}, "architecture in c.json is not a text"),
        ({"manifest.json": b"[" * 100_000}, "nested too deep"),
        ({"manifest.json": b"not json"}, "manifest.json is not JSON"),
        (
            {
                "manifest.json": b'[{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l.tar"]}]',
                "c.json": b'{"architecture": "amd64"}',
            },
            "l.tar, which manifest.json names, is not in it",
        ),
        ({**saved("a:1"), "manifest.json": b'[{"Config": "config.json", "RepoTags": [null]}]'}, "is not a text"),
        (OCI, "index.json is not in it"),
        ({**OCI, "index.json": b'{"manifests": null}'}, "manifests of index.json is not a list"),
        ({**OCI, "index.json": INDEX % b"null"}, "an entry of index.json is not a mapping"),
        ({**OCI, "index.json": INDEX % b'{"annotations": 7}'}, "annotations of an image is not a mapping"),
        ({**OCI, "index.json": INDEX % NAMED}, "is not in it"),
        ({**OCI, "index.json": INDEX % NAMED, **EMPTY_BLOB}, "config of sha256:"),
        (
            {**OCI, "index.json": INDEX % NAMED, f"blobs/sha256/{EMPTY[7:]}": b"{} "},
            f"blobs/sha256/{EMPTY[7:]} has the digest sha256:",
        ),
        (
            {**OCI, "index.json": INDEX % NAMED.replace(EMPTY.encode(), b"../../etc/passwd")},
            "no SHA-256 digest where one belongs",
        ),
        ({"oci-layout": b"", "index.json": "oci-layout"}, "index.json is not a description of an image"),
    ],
)
def test_odd_archives_become_sentences(tmp_path: Path, members: dict[str, bytes | str], said: str) -> None:
    """Whatever is in an archive, the sentence names it."""
    path = tar(tmp_path / "odd.tar", members)
    assert said in only_error(path)
    assert str(path) in only_error(path)


def test_compressions(tmp_path: Path) -> None:
    """What containerd cannot read is refused by name, whatever the file is called; zstd depends on the Python here."""
    saved("a:1")
    for mode, kind in (("w:xz", "xz"), ("w:bz2", "bzip2")):
        assert f"compressed with {kind}, which containerd does not read" in only_error(
            tar(tmp_path / f"{kind}.tar", saved("a:1"), mode)
        )
    (tmp_path / "z.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd and so on")
    assert ("which Python 3" in only_error(tmp_path / "z.tar.zst")) is (sys.version_info < (3, 14))
    assert set(read(tar(tmp_path / "g.tar", saved("r.example.com/a:1"), "w:gz"))) == {"r.example.com/a:1"}


def test_no_archive_is_passed_over(tmp_path: Path) -> None:
    """What is called like an archive or begins like one is looked at; a note and a checksum beside it are not."""
    folder = tmp_path / "images"
    tar(folder / "a.tar", saved("a:1"))
    tar(folder / "b.oci", saved("b:1"))
    tar(folder / "c", saved("c:1"), "w:gz")
    (folder / "d.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    (folder / "e.img").write_bytes(b"\x28\xb5\x2f\xfd")
    vouch(folder / "a.tar")
    (folder / "README").write_text("what these are")
    (folder / "below").mkdir()
    assert [path.name for path in files_in(str(folder))] == ["a.tar", "b.oci", "c", "d.tar.zst", "e.img"]
    told = errors(gather(spec_of({"source": "archives", "archives": str(folder)}), ["amd64"], Secrets()))
    assert len(told) == 2 and "d.tar.zst" in told[0] and "e.img" in told[1]


def of_platforms(name: str, there: dict[str, str]) -> dict[str, bytes | str]:
    """An image of several platforms. `there`: architecture → what of it is missing (`manifest`, `layer` or nothing)."""
    members = dict(OCI)

    def blob(data: bytes, left_out: bool = False) -> dict[str, str]:
        digest = sha256(data).hexdigest()
        if not left_out:
            members[f"blobs/sha256/{digest}"] = data
        return {"digest": f"sha256:{digest}", "mediaType": "application/octet-stream"}

    entries: list[dict[str, Any]] = []
    for arch, missing in there.items():
        config = blob(json.dumps({"architecture": arch}).encode())
        layer = blob(f"layer for {arch}".encode(), missing == "layer")
        manifest = blob(json.dumps({"config": config, "layers": [layer]}).encode(), missing == "manifest")
        entries.append({**manifest, "platform": {"os": "linux", "architecture": arch}})
    note = blob(b'{"note": 1}')
    entries.append({**note, "platform": {"os": "unknown", "architecture": "unknown"}})
    index = blob(json.dumps({"manifests": entries}).encode())
    index |= {"mediaType": "application/vnd.oci.image.index.v1+json"}
    top = {**index, "annotations": {"io.containerd.image.name": name}}
    members["index.json"] = json.dumps({"manifests": [top]}).encode()
    return members


@pytest.mark.parametrize("missing", ["manifest", "layer"])
def test_only_the_clusters_platforms_have_to_be_there(tmp_path: Path, missing: str) -> None:
    """An index names more platforms than were saved; one that the cluster needs and that is not whole is named."""
    spec = with_archives(tmp_path)
    server_tarball(tmp_path)
    folder = others(tmp_path / "images", spec)
    etcd = image_refs(spec).etcd
    tar(folder / "etcd.tar", of_platforms(etcd, {"amd64": "", "arm64": missing, "s390x": missing}))
    found = gather(spec, ["amd64"], Secrets())
    assert not errors(found)
    assert found.archives["amd64"][etcd].source.endswith("etcd.tar")
    tar(folder / "etcd.tar", of_platforms(etcd, {"amd64": missing, "arm64": ""}))
    (told,) = errors(gather(spec, ["amd64"], Secrets()))
    assert f"etcd.tar names {etcd} for amd64, but" in told and "is not in it" in told
    assert "linux/amd64" in told


def test_an_archives_digest_is_compared(tmp_path: Path) -> None:
    """The right one is taken under the name with the digest; another one, or none, is an error that names both."""
    etcd = f"registry.k8s.io/etcd:{image_refs(with_archives(tmp_path)).etcd.rpartition(':')[2]}"
    members = of_platforms(etcd, {"amd64": ""})
    digest = json.loads(members["index.json"])["manifests"][0]["digest"]
    spec = with_archives(tmp_path, digests={etcd: digest})
    server_tarball(tmp_path)
    folder = others(tmp_path / "images", with_archives(tmp_path))

    def only() -> str:
        (told,) = errors(gather(spec, ["amd64"], Secrets()))
        return told

    assert "etcd.tar does not keep the digest of" in only() and digest in only()
    tar(folder / "etcd.tar", of_platforms(etcd, {"amd64": "", "arm64": ""}))
    other = json.loads(of_platforms(etcd, {"amd64": "", "arm64": ""})["index.json"])["manifests"][0]["digest"]
    assert f"is {other}, but the answers say {digest}" in only()
    tar(folder / "etcd.tar", members)
    found = gather(spec, ["amd64"], Secrets())
    assert not errors(found)
    assert found.archives["amd64"][f"{etcd}@{digest}"].name == etcd
    index = json.dumps(json.loads(members["index.json"])).replace(etcd, f"registry.k8s.io/etcd@{digest}").encode()
    tar(folder / "etcd.tar", {**members, "index.json": index})
    found = gather(spec, ["amd64"], Secrets())
    assert found.archives["amd64"][f"{etcd}@{digest}"].name == f"registry.k8s.io/etcd@{digest}"


def test_two_architectures(tmp_path: Path) -> None:
    """Each gets the programs and images of its own tarball; one folder may hold archives of both."""
    spec = with_archives(tmp_path)
    for arch in ("amd64", "arm64"):
        server_tarball(tmp_path, arch=arch)
        for path in others(tmp_path / arch, spec, arch).iterdir():
            (tmp_path / "images").mkdir(exist_ok=True)
            path.rename(tmp_path / "images" / f"{arch}-{path.name}")
    found = gather(spec, ["amd64", "arm64"], Secrets())
    assert not errors(found)
    refs = image_refs(spec)
    assert found.archives["arm64"][refs.kube_scheduler].name.endswith(f"kube-scheduler-arm64:v{VERSION}")
    assert found.archives["arm64"][refs.etcd].source.endswith("arm64-etcd.tar")
    assert found.archives["amd64"][refs.etcd].source.endswith("amd64-etcd.tar")
