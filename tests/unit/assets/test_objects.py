"""The first API objects: bindings, nodes, CoreDNS."""

from typing import Any

import pytest
import yaml

from assets.addons import ADDONS, Addon, AddonInputs
from assets.addons.coredns import ADDON as COREDNS
from assets.addons.coredns import corefile
from assets.objects import bootstrap_objects, node_objects, taint_arguments
from assets.yaml_writer import documents
from tests.unit.assets.cluster import CIDRS, IMAGES, SPEC


def by_kind(has_resolver: bool = True) -> dict[str, Any]:
    stream = documents(COREDNS.objects(SPEC, AddonInputs(images=IMAGES, has_resolver=has_resolver)))
    return {each["kind"]: each for each in yaml.safe_load_all(stream)}


def test_bindings_give_the_three_identities_their_rights() -> None:
    """The operator, the API server at the kubelets, and nodes that renew their own certificate."""
    found = {(b["subjects"][0]["name"], b["roleRef"]["name"]) for b in bootstrap_objects()}
    assert found == {
        ("kubeadm:cluster-admins", "cluster-admin"),
        ("kube-apiserver-kubelet-client", "system:kubelet-api-admin"),
        ("system:nodes", "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient"),
    }


def test_node_objects_hold_what_the_kubelet_may_not_set() -> None:
    """The role's label, the answers' labels and the planned range; never the list of taints, which others write too."""
    cp1, w1, _ = node_objects(SPEC, CIDRS)
    assert cp1["metadata"]["labels"] == {"node-role.kubernetes.io/control-plane": ""}
    assert w1["metadata"]["labels"] == {"zone": "a"}
    assert w1["spec"] == {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]}
    assert taint_arguments(SPEC, SPEC.nodes[0]) == ("node-role.kubernetes.io/control-plane=:NoSchedule",)


@pytest.mark.parametrize("has_resolver", [True, False])
def test_corefile_forwards_only_where_there_is_somewhere_to(has_resolver: bool) -> None:
    """Without a nameserver on the hosts, forward would keep CoreDNS from starting, and loop has nothing to look for."""
    words = corefile("cluster.example", has_resolver).split()
    assert ("forward" in words) == ("loop" in words) == has_resolver
    assert words.count("{") == words.count("}")
    assert "cluster.example" in words


def test_dns_is_where_the_kubelets_say() -> None:
    """The service has the tenth address, and selects the deployment's pods."""
    objects = by_kind()
    assert objects["Service"]["spec"]["clusterIP"] == "10.96.0.10"
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert objects["Service"]["spec"]["selector"].items() <= labels.items()
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"] == labels


def test_coredns_runs_before_any_worker_is_there() -> None:
    """It tolerates the control plane's taint, reads the host's resolver, and may write and do nothing else."""
    pod = by_kind()["Deployment"]["spec"]["template"]["spec"]
    assert {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"} in pod["tolerations"]
    assert pod["dnsPolicy"] == "Default"
    container = pod["containers"][0]
    assert container["securityContext"]["capabilities"] == {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["readinessProbe"]["periodSeconds"] == 1


@pytest.mark.parametrize("addon", ADDONS, ids=lambda addon: str(addon.name))
def test_an_addon_pulls_what_it_runs_and_waits_for_what_it_applies(addon: Addon) -> None:
    """Its images are on the nodes beforehand; the Deployment that is waited for is among its objects, with as many
    replicas and the containers whose last words a failure shows."""
    objects = addon.objects(SPEC, AddonInputs(images=IMAGES, has_resolver=True))
    assert objects
    for each in objects:
        assert each["apiVersion"] and each["kind"] and each["metadata"]["name"]
    pods = [each["spec"]["template"]["spec"] for each in objects if "template" in each.get("spec", {})]
    assert {container["image"] for pod in pods for container in pod["containers"]} == set(addon.images(IMAGES))
    if addon.deployment:
        waited = [e for e in objects if (e["kind"], e["metadata"]["name"]) == ("Deployment", addon.deployment.name)]
        assert [each["metadata"]["namespace"] for each in waited] == ["kube-system"]
        assert waited[0]["spec"]["replicas"] == addon.deployment.replicas
        containers = {each["name"] for each in waited[0]["spec"]["template"]["spec"]["containers"]}
        assert set(addon.deployment.containers) == containers


def test_addons_do_not_share_a_name_or_a_file() -> None:
    """Their steps would have the same names, and one would overwrite the other's objects."""
    assert len({addon.name for addon in ADDONS}) == len({addon.file for addon in ADDONS}) == len(ADDONS) > 0
