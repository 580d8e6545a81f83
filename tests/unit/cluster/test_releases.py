"""The catalogue of releases, and the files and images that follow from it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from kinstall.cluster import ClusterSpec, Downloads, Images, Node
from kinstall.cluster.release_files import image_refs, pinned_digest, release_files, unpinned
from kinstall.cluster.releases import known_versions, newest_patch, release
from kinstall.errors import UsageError

SPEC = ClusterSpec(nodes=(Node(name="cp1", address="10.90.0.11", role="control-plane"),))


@pytest.mark.parametrize(
    ("version", "etcd", "pause", "coredns"),
    [
        ("1.37.2", "3.7.1-0", "3.10.2", "v1.14.6"),
        ("1.36.3", "3.6.14-0", "3.10.2", "v1.14.2"),
        ("1.35.4", "3.6.14-0", "3.10.1", "v1.13.1"),
    ],
)
def test_what_a_release_needs(version: str, etcd: str, pause: str, coredns: str) -> None:
    """Each supported minor names its own etcd, pause and CoreDNS."""
    entry = release(version)
    assert (entry.version, entry.minor) == (version, version[:4])
    assert (entry.etcd, entry.pause, entry.coredns) == (etcd, pause, coredns)
    assert (entry.containerd, entry.runc, entry.cni_plugins) == ("2.4.2", "1.5.2", "1.9.1")


def test_any_patch_of_a_known_minor() -> None:
    """A patch release that came out later is taken with its minor's entry."""
    assert replace(release("1.37.19"), version="1.37.2") == release("1.37.2")


def test_newest_known() -> None:
    """Newest minor first; the default of the spec is the newest known release."""
    assert known_versions()[0] == "1.37.2" == SPEC.kubernetes_version
    assert newest_patch("1.36") == known_versions()[1]
    assert newest_patch("1.2") is None


@pytest.mark.parametrize("version", ["1.34.9", "1.38.0", "2.0.0", "1.2.0"])
def test_unsupported(version: str) -> None:
    """Another minor is refused by a sentence that names the supported ones."""
    with pytest.raises(UsageError, match=r"is not supported\n  supported are 1\.37\.x, 1\.36\.x and 1\.35\.x"):
        release(version)


@pytest.mark.parametrize(
    ("version", "way_out"),
    [("v1.37.2", "write 1.37.2"), ("1.37", "for example 1.37.2"), ("latest", "for example 1.37.2"), ("", "example")],
)
def test_badly_written(version: str, way_out: str) -> None:
    """What is no release at all is refused with the way to write it."""
    with pytest.raises(UsageError, match=way_out):
        release(version)


@pytest.mark.parametrize(
    ("version", "containerd", "taken"),
    [
        ("1.37.2", "2.4.2", True),
        ("1.37.2", "2.3.0", True),
        ("1.37.2", "2.2.9", False),
        ("1.36.3", "2.2.0", True),
        ("1.36.3", "2.1.9", False),
        ("1.35.4", "2.1.5", True),
        ("1.35.4", "2.1.4", False),
        ("1.35.4", "1.7.28", False),
    ],
)
def test_containerd_floor(version: str, containerd: str, taken: bool) -> None:
    """How old containerd may be depends on the release, per minor of containerd."""
    assert release(version).takes_containerd(containerd) is taken


def test_removed_flags_follow_the_release() -> None:
    """etcd's experimental flags went with etcd 3.7, which 1.37 runs; 1.36's etcd 3.6 still had them."""

    def gone(version: str) -> bool:
        flags = release(version).removed_flags
        return any(each.component == "etcd" and each.covers("experimental-initial-corrupt-check") for each in flags)

    assert gone("1.37.2")
    assert not gone("1.36.3")


def test_files_of_the_official_sites() -> None:
    """Names, addresses and checksum files are the official sites' own."""
    files = {file.name: file for file in release_files(SPEC, "arm64")}
    home = "https://dl.k8s.io/release/v1.37.2/bin/linux/arm64"
    assert files["kube-proxy"].url == f"{home}/kube-proxy"
    assert files["kube-proxy"].checksums == f"{home}/kube-proxy.sha256"
    github = "https://github.com"
    containerd = f"{github}/containerd/containerd/releases/download/v2.4.2/containerd-2.4.2-linux-arm64.tar.gz"
    assert files["containerd-2.4.2-linux-arm64.tar.gz"].url == containerd
    assert files["containerd-2.4.2-linux-arm64.tar.gz"].checksums == f"{containerd}.sha256sum"
    runc = f"{github}/opencontainers/runc/releases/download/v1.5.2"
    assert (files["runc.arm64"].url, files["runc.arm64"].checksums) == (f"{runc}/runc.arm64", f"{runc}/runc.sha256sum")
    cni = f"{github}/containernetworking/plugins/releases/download/v1.9.1/cni-plugins-linux-arm64-v1.9.1.tgz"
    assert files["cni-plugins-linux-arm64-v1.9.1.tgz"].url == cni
    assert files["cni-plugins-linux-arm64-v1.9.1.tgz"].checksums == f"{cni}.sha256"


def test_versions_of_the_answers_win() -> None:
    """Another version in the answers is another file."""
    spec = replace(SPEC, downloads=Downloads(containerd_version="2.3.4", runc_version="1.4.3"))
    names = {file.name for file in release_files(spec)}
    assert "containerd-2.3.4-linux-amd64.tar.gz" in names
    assert any("/v1.4.3/runc.amd64" in file.url for file in release_files(spec))


def test_pins_per_architecture() -> None:
    """`kubelet` holds for every architecture, `arm64/kubelet` only there and before the other."""
    pins = {"kubelet": "A" * 64, "arm64/kubelet": "b" * 64}
    spec = replace(SPEC, downloads=Downloads(sha256=pins))
    digests = {
        file.arch: pinned_digest(spec, file) for arch in ("amd64", "arm64") for file in release_files(spec, arch)[:1]
    }
    assert digests == {"amd64": "a" * 64, "arm64": "b" * 64}


def test_unpinned_files_of_plain_http() -> None:
    """Only what comes over plain HTTP needs a pin."""
    spec = replace(SPEC, downloads=Downloads(kubernetes="http://10.90.0.1/k", sha256={"kubelet": "a" * 64}))
    assert [file.name for file in unpinned(spec, release_files(spec))] == ["kubectl", "kube-proxy"]
    assert unpinned(SPEC, release_files(SPEC)) == ()


def test_image_references() -> None:
    """The release's tags under the chosen prefix, unless the answers name others."""
    refs = image_refs(SPEC)
    assert refs.kube_apiserver == "registry.k8s.io/kube-apiserver:v1.37.2"
    assert refs.etcd == "registry.k8s.io/etcd:3.7.1-0"
    assert refs.coredns == "registry.k8s.io/coredns/coredns:v1.14.6"
    assert refs.agnhost == "registry.k8s.io/e2e-test-images/agnhost:2.66.1"
    other = replace(SPEC, images=Images(image_repository="r.example.com/k8s", pause="3.9", etcd="3.6.8-0"))
    assert image_refs(other).pause == "r.example.com/k8s/pause:3.9"
    assert image_refs(other).etcd == "r.example.com/k8s/etcd:3.6.8-0"
    elsewhere = replace(other, images=replace(other.images, etcd="quay.io/coreos/etcd:v3.6.8"))
    assert image_refs(elsewhere).etcd == "quay.io/coreos/etcd:v3.6.8"


def test_catalogue_is_read_only_when_asked() -> None:
    """Importing the module costs neither a file nor PyYAML: commands start fast."""
    program = "import kinstall.cluster.releases, sys; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
