"""The answers file that `make demo` and the lab's tests write."""

from typing import Any

import pytest

from kinstall.answers.load import parse
from kinstall.cluster.release_files import image_refs
from tests.lab.demo import answers_for, merged
from tests.lab.shell import LabError

KUBERNETES = "/dl.k8s.io/release"
BIN = "bin/linux/amd64"
GITHUB = "/github.com/some/project/releases/download/v1"
OTHERS = ("runc.amd64", "containerd-2.4.2-linux-amd64.tar.gz", "cni-plugins-linux-amd64-v1.9.1.tgz")
LAB: dict[str, Any] = {
    "hosts": [
        {
            "name": f"h{index}",
            "address": f"10.90.0.{10 + index}",
            "sshPort": 22,
            "user": "root",
            "identityFile": "/var/lib/kinstall-lab/id_ed25519",
            "hostKey": f"SHA256:{'abcdefg'[index] * 43}",
        }
        for index in (1, 2, 3)
    ],
    "mirror": {
        "downloads": {
            name: f"http://10.90.0.1:8000/{name}" for name in ("kubernetes", "containerd", "runc", "cniPlugins", "etcd")
        },
        "digests": {
            **{
                f"{KUBERNETES}/v1.37.2/{BIN}/{name}": "a" * 64
                for name in ("kubelet", "kubectl", "kube-proxy", "kubeadm")
            },
            **{f"{KUBERNETES}/v1.36.3/{BIN}/{name}": "c" * 64 for name in ("kubelet", "kubectl", "kube-proxy")},
            **{f"{KUBERNETES}/v1.35.4/{BIN}/{name}": "b" * 64 for name in ("kubelet", "kubectl", "kube-proxy")},
            "/dl.k8s.io/v1.35.4/kubernetes-server-linux-amd64.tar.gz": "f" * 64,
            **{f"{GITHUB}/{name}": "d" * 64 for name in OTHERS},
            f"{GITHUB}/etcd-v3.7.1-linux-amd64.tar.gz": "e" * 64,
        },
    },
    "registry": {
        "url": "http://10.90.0.1:5000",
        "images": {
            f"registry.k8s.io/{name}": f"sha256:{'9' * 64}"
            for name in (
                *(
                    f"kube-{each}:v{version}"
                    for each in ("apiserver", "controller-manager", "scheduler")
                    for version in ("1.37.2", "1.36.3", "1.35.4")
                ),
                *("etcd:3.7.1-0", "etcd:3.6.14-0", "coredns/coredns:v1.14.6", "pause:3.10.2"),
                "e2e-test-images/agnhost:2.66.1",
            )
        },
    },
    "versions": {"kubernetes": ["1.37.2", "1.36.3", "1.35.4"]},
    "releases": {
        "1.37.2": {"etcd": "3.7.1-0", "coredns": "v1.14.6", "pause": "3.10.2"},
        "1.36.3": {"etcd": "3.6.14-0", "coredns": "v1.14.6", "pause": "3.10.2"},
        "1.35.4": {"etcd": "3.6.14-0", "coredns": "v1.14.6", "pause": "3.10.2"},
    },
}


def test_the_demos_answers_are_valid() -> None:
    """They parse into one control plane and two workers, with the digests of this release's files only."""
    spec = parse(answers_for(LAB))
    assert [(node.name, node.role, node.address) for node in spec.nodes] == [
        ("cp1", "control-plane", "10.90.0.11"),
        ("w1", "worker", "10.90.0.12"),
        ("w2", "worker", "10.90.0.13"),
    ]
    assert spec.downloads.sha256 == {
        **dict.fromkeys(("kubelet", "kubectl", "kube-proxy"), "a" * 64),
        **dict.fromkeys(OTHERS, "d" * 64),
    }
    assert spec.components.kubelet.config["failCgroupV1"] is False
    assert spec.images.mirrors["registry.k8s.io"].endpoint == "http://10.90.0.1:5000"
    assert (spec.images.etcd, spec.images.coredns, spec.images.pause) == ("", "", "")
    assert set(spec.images.digests) == {ref.partition("@")[0] for ref in image_refs(spec).all()}


def test_hosts_and_changes_can_be_chosen() -> None:
    """Tests take fewer hosts, and change what they are about."""
    text = answers_for(LAB, cluster_name="other", hosts=["h2", "h3"], changes={"networking": {"proxyMode": "iptables"}})
    spec = parse(text)
    assert (spec.cluster_name, spec.networking.proxy_mode) == ("other", "iptables")
    assert [node.address for node in spec.nodes] == ["10.90.0.12", "10.90.0.13"]


@pytest.mark.parametrize(
    ("version", "tags", "digest"),
    [("1.36.3", ("", "v1.14.6", ""), "c"), ("1.35.4", ("", "v1.14.6", "3.10.2"), "b")],
)
def test_another_release(version: str, tags: tuple[str, str, str], digest: str) -> None:
    """Its files are pinned, and the images named that the lab has in another version than the release takes."""
    for text in (
        answers_for(LAB, kubernetes_version=version),
        answers_for(LAB, changes={"kubernetesVersion": version}),
    ):
        spec = parse(text)
        assert spec.kubernetes_version == version
        assert (spec.images.etcd, spec.images.coredns, spec.images.pause) == tags
        assert {spec.downloads.sha256[name] for name in ("kubelet", "kubectl", "kube-proxy")} == {digest * 64}


def test_a_release_that_is_not_served() -> None:
    """The sentence says what comes first; the install would fail much later."""
    with pytest.raises(LabError, match=r"does not serve Kubernetes 1\.35\.8: Lab\.release\('1\.35\.8'\) comes first"):
        answers_for(LAB, kubernetes_version="1.35.8")


def test_changes_are_merged_like_a_json_merge_patch() -> None:
    """None removes, maps go deep, everything else replaces."""
    assert merged({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": 3}, "d": [2], "f": {"g": 1}}) == {
        "a": {"c": 2, "e": 3},
        "d": [2],
        "f": {"g": 1},
    }
