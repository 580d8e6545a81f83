"""The lab's versions file and the Go modules beside it say the same."""

import re

import pytest

from kinstall.cluster.releases import known_patches
from kinstall.cluster.releases import release as catalogue_release
from tests.lab.paths import GO_MODULES
from tests.lab.shell import LabError
from tests.lab.versions import GoModule, KubernetesRelease, kubernetes_module, versions

# The module whose version a folder's programs have, where its name does not follow from the folder's.
_SUBJECT = {
    "containerd": "github.com/containerd/containerd/v2",
    "runc": "github.com/opencontainers/runc",
    "cni-plugins": "github.com/containernetworking/plugins",
    "etcd": "go.etcd.io/etcd/server/v3",
    "etcd-tools": "go.etcd.io/etcd/etcdctl/v3",
    "coredns": "github.com/coredns/coredns",
    "registry": "github.com/distribution/distribution/v3",
    "kubernetes": "k8s.io/kubernetes",
}
_MODULES = [*versions().modules.values(), *(kubernetes_module(release) for release in versions().kubernetes)]


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: module.name)
def test_go_mod_requires_the_version_that_is_served(module: GoModule) -> None:
    """No archive or image carries a tag that is not true of the program in it."""
    text = (GO_MODULES / module.folder / module.modfile).read_text()
    required = dict(re.findall(r"^(?:require )?\s*(\S+) v(\S+?)(?: // indirect)?$", text, re.MULTILINE))
    assert required[_SUBJECT[module.folder]] == module.version


@pytest.mark.parametrize("release", versions().kubernetes, ids=lambda release: release.version)
class TestReleases:
    def test_it_says_its_own_version(self, release: KubernetesRelease) -> None:
        """An unstamped kubelet would call itself v0.0.0."""
        module = kubernetes_module(release)
        assert f"-X k8s.io/component-base/version.gitVersion=v{release.version}" in module.ldflags

    def test_images_are_tagged_with_what_is_in_them(self, release: KubernetesRelease) -> None:
        """The etcd and CoreDNS tags name the versions that are compiled."""
        assert release.etcd.startswith(f"{versions().etcd_of(release).version}-")
        assert release.coredns == versions().module("coredns").version

    def test_it_is_in_the_catalogue(self, release: KubernetesRelease) -> None:
        """What the lab has is what kinstall knows: by patch release, and by what the release is fetched with."""
        known = catalogue_release(release.version)
        module = versions().module
        assert release.version in known_patches(known.minor)
        assert (known.containerd, known.runc, known.cni_plugins) == (
            module("containerd").version,
            module("runc").version,
            module("cni-plugins").version,
        )


def test_only_known_releases_can_be_asked_for() -> None:
    """A typing error is told before minutes are spent."""
    with pytest.raises(LabError, match=r"no Kubernetes 1\.36\.9, only 1\.37\.2, 1\.36\.3, 1\.35\.4"):
        versions().release("1.36.9")
