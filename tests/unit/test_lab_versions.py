"""The lab's versions file and the Go modules beside it say the same."""

import re

import pytest

from tests.lab.paths import GO_MODULES
from tests.lab.versions import GoModule, kubernetes_module, versions

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


def test_kubernetes_says_its_own_version() -> None:
    """An unstamped kubelet would call itself v0.0.0."""
    module = kubernetes_module(versions().kubernetes[0])
    assert f"-X k8s.io/component-base/version.gitVersion=v{module.version}" in module.ldflags


def test_images_are_tagged_with_what_is_in_them() -> None:
    """The etcd and CoreDNS tags name the versions that are compiled."""
    newest = versions().kubernetes[0]
    assert newest.etcd.startswith(f"{versions().module('etcd').version}-")
    assert newest.coredns == versions().module("coredns").version
