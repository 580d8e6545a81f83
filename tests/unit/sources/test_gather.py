"""What the operator's machine contributes: whatever cannot be had is told before a node is changed."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from kinstall.cluster import ClusterSpec, Downloads, Mirror, Node
from kinstall.cluster import Images as ImageAnswers
from kinstall.cluster.release_files import image_refs, release_files
from kinstall.errors import UsageError
from kinstall.findings import Severity
from kinstall.secrets import HIDDEN, Redactor, Secrets
from kinstall.sources.from_disk import operators_file
from kinstall.sources.gather import gather
from kinstall.sources.model import Sources
from kinstall.sources.server_tarball import IMAGES, PROGRAMS
from tests.unit.engine.test_download import Site

NODE = Node(name="cp1", address="10.0.0.1", role="control-plane")
VERSION = "1.37.2"
PASSWORD = "s3cret-of-the-mirror"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def spec_of(images: dict[str, Any] | None = None, **downloads: Any) -> ClusterSpec:
    return ClusterSpec(nodes=(NODE,), images=ImageAnswers(**(images or {})), downloads=Downloads(**downloads))


def errors(found: Sources) -> list[str]:
    return [f"{each.message} | {each.remedy}" for each in found.findings if each.severity is Severity.ERROR]


def tar(target: Path, members: dict[str, bytes | str], mode: str = "w") -> Path:
    """A tar with these members; a text is the name of an earlier one that it is a hard link of."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.LNKTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return target


def saved(*names: str, arch: str = "amd64") -> dict[str, bytes | str]:
    """An image as older programs save it."""
    config = json.dumps({"architecture": arch}).encode()
    return {
        "config.json": config,
        "layer/layer.tar": b"layer of " + " ".join(names).encode(),
        "manifest.json": json.dumps(
            [{"Config": "config.json", "RepoTags": list(names), "Layers": ["layer/layer.tar"]}]
        ).encode(),
    }


def layout(*names: str, arch: str = "amd64") -> dict[str, bytes | str]:
    """Images as an OCI layout."""
    blobs: dict[str, bytes | str] = {}

    def blob(value: object) -> dict[str, str]:
        data = json.dumps(value).encode()
        digest = sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"digest": f"sha256:{digest}", "mediaType": "application/vnd.oci.image.manifest.v1+json"}

    manifests = [
        blob({"config": blob({"architecture": arch, "of": name})}) | {"annotations": {"io.containerd.image.name": name}}
        for name in names
    ]
    return {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps({"manifests": manifests}).encode(),
    } | blobs


def archive_bytes(tmp_path: Path, members: dict[str, bytes | str]) -> bytes:
    return tar(tmp_path / "scratch.tar", members).read_bytes()


def server_tarball(tmp_path: Path, tag: str = f"v{VERSION}", arch: str = "amd64") -> Path:
    """A server tarball as releases have it, its programs links of one another as the lab's."""
    home = "kubernetes/server/bin"
    members: dict[str, bytes | str] = {f"{home}/kube-apiserver": b"all programs in one"}
    members |= {f"{home}/{name}": f"{home}/kube-apiserver" for name in PROGRAMS}
    for name in IMAGES:
        members[f"{home}/{name}.tar"] = archive_bytes(
            tmp_path, saved(f"registry.k8s.io/{name}-{arch}:{tag}", arch=arch)
        )
        members[f"{home}/{name}.docker_tag"] = f"{tag}\n".encode()
    path = tar(tmp_path / f"kubernetes-server-linux-{arch}.tar.gz", members, "w:gz")
    vouch(path)
    return path


def vouch(path: Path) -> None:
    path.with_name(f"{path.name}.sha256").write_text(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n")


def others(folder: Path, spec: ClusterSpec, arch: str = "amd64") -> Path:
    """Archives of the images that no tarball has."""
    refs = image_refs(spec)
    tar(folder / "etcd.tar", saved(refs.etcd, arch=arch))
    tar(folder / "pause.tar.gz", saved(refs.pause, arch=arch), "w:gz")
    tar(folder / "rest.tar", layout(refs.coredns, refs.agnhost, arch=arch))
    return folder


def files(folder: Path, spec: ClusterSpec) -> Path:
    """The release files with the checksum files of their sites."""
    folder.mkdir()
    for file in release_files(spec, "amd64"):
        (folder / file.name).write_bytes(file.name.encode())
        checksums = folder / file.checksums.rpartition("/")[2]
        checksums.write_text(f"{sha256(file.name.encode()).hexdigest()}  {file.name}\n")
    return folder


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
    """They are unpacked once under the tarball's checksum; the second time not even the tarball's members are read."""
    path = server_tarball(tmp_path)
    spec = spec_of(server_tarball=str(tmp_path / "kubernetes-server-linux-{arch}.tar.gz"))
    found = gather(spec, ["amd64"], Secrets())
    # The rest would come from sites.
    assert set(found.digests["amd64"]) == set(PROGRAMS)
    assert not errors(found)
    for digest in found.digests["amd64"].values():
        assert found.paths[digest].read_bytes() == b"all programs in one"
    kept = cache / "kinstall/server-tarballs" / sha256(path.read_bytes()).hexdigest()
    (kept / "kubelet").write_bytes(b"touched")
    again = gather(spec, ["amd64"], Secrets())
    assert again.digests == found.digests
    assert again.paths[again.digests["amd64"]["kubelet"]].read_bytes() == b"touched"
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


# Image archives


def with_archives(tmp_path: Path, **images: Any) -> ClusterSpec:
    answers = {"source": "archives", "archives": str(tmp_path / "images"), **images}
    return spec_of(answers, server_tarball=str(tmp_path / "kubernetes-server-linux-{arch}.tar.gz"))


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
