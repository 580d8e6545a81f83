"""What the lab hands an operator for machines without a registry and without a mirror."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from tests.lab import offline
from tests.lab.oci import File, Image, Writer
from tests.lab.versions import KubernetesRelease

RELEASE = KubernetesRelease("1.35.4", "1.35.mod", "3.6.14-0", "1.14.6")
HOME = "kubernetes/server/bin"
WITH_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    binaries = tmp_path / "binaries"
    binaries.mkdir()
    for name in ("control-plane", "kubelet", "kube-proxy", "kubectl"):
        (binaries / name).write_text(f"the program {name}")
    writer = Writer(tmp_path / "layout")
    for name in WITH_IMAGES:
        layer = (File(binaries / "control-plane", (name,)),)
        writer.add(Image(f"registry.k8s.io/{name}:v1.35.4", (layer,), (name,)))
    writer.close()
    offline._tarball(tmp_path / "server.tar.gz", RELEASE, binaries, tmp_path / "layout")
    return tmp_path / "server.tar.gz"


def test_the_tarball_has_what_the_release_has(tarball: Path) -> None:
    """Programs, and an archive and a tag for each image: the archive's name has the architecture, the tag has not."""
    with tarfile.open(tarball) as archive:
        names = set(archive.getnames())
        assert names == {
            *(f"{HOME}/{name}" for name in (*WITH_IMAGES, "kubelet", "kubectl")),
            *(f"{HOME}/{name}{suffix}" for name in WITH_IMAGES for suffix in (".tar", ".docker_tag")),
        }
        for name in ("kubelet", "kube-proxy", "kubectl"):
            member = archive.getmember(f"{HOME}/{name}")
            assert (member.isreg(), member.mode) == (True, 0o755)
            assert _content(archive, member.name) == f"the program {name}".encode()
        assert _content(archive, f"{HOME}/kube-scheduler") == b"the program control-plane"
        assert _content(archive, f"{HOME}/kube-apiserver.docker_tag") == b"v1.35.4\n"
        saved = archive.extractfile(f"{HOME}/kube-apiserver.tar")
        with tarfile.open(fileobj=saved) as image:
            (entry,) = json.loads(_content(image, "manifest.json"))
            assert entry["RepoTags"] == ["registry.k8s.io/kube-apiserver-amd64:v1.35.4"]
            for layer in entry["Layers"]:
                assert layer.endswith(hashlib.sha256(_content(image, layer)).hexdigest())


def test_it_lies_where_releases_have_it() -> None:
    """The server tarball's place is not below release/, as the programs' is."""
    assert offline.tarball_path(RELEASE) == "dl.k8s.io/v1.35.4/kubernetes-server-linux-amd64.tar.gz"


def test_the_folder_has_a_nodes_files_and_their_checksums(tmp_path: Path) -> None:
    """What a node needs of the release sites, and nothing of what comes as images."""
    wanted = {
        "kubelet",
        "kubelet.sha256",
        "kubectl",
        "kubectl.sha256",
        "kube-proxy",
        "kube-proxy.sha256",
        "containerd-2.4.2-linux-amd64.tar.gz",
        "containerd-2.4.2-linux-amd64.tar.gz.sha256sum",
        "runc.amd64",
        "runc.sha256sum",
        "cni-plugins-linux-amd64-v1.9.1.tgz",
        "cni-plugins-linux-amd64-v1.9.1.tgz.sha256",
    }
    others = {"kube-apiserver", "kube-apiserver.sha256", "kubeadm", "etcd-v3.7.1-linux-amd64.tar.gz", "SHA256SUMS"}
    of_release, of_parts = tmp_path / "release/bin", tmp_path / "parts/v1"
    for folder in (of_release, of_parts):
        folder.mkdir(parents=True)
    for name in wanted | others:
        ((of_release if name.startswith("kube") else of_parts) / name).touch()
    found = offline._files(of_release.parent, of_parts.parent)
    assert sorted(path.name for path in found) == sorted(wanted)


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()
