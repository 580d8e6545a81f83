"""What somebody has of their own: a pod network as a manifest, and an authority that signs the cluster's certificates.

Keys are RSA and certificates short-lived. The tests stand in an order and share one cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.api import Lab
from tests.lab.choices import after
from tests.lab.choices.after import Chosen
from tests.lab.cluster import wait_until
from tests.lab.life import world
from tests.unit.authorities import authority, intermediate

LABNET = Path(__file__).with_name("labnet.yaml")
LEAF_DAYS = 60
MANIFEST = "/etc/kinstall/pod-network.yaml"
OBJECTS = "script pod network's objects"
MANIFEST_CHANGED = {("cp1", f"file {MANIFEST}"), ("cp1", OBJECTS)}


@pytest.fixture(scope="module")
def chosen(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chosen]:
    home = tmp_path_factory.mktemp("own")
    root, below = intermediate(datetime.now(UTC))
    (home / "company.crt").write_bytes(below.certificate_pem + root.certificate_pem)
    (home / "company.key").write_bytes(below.key_pem)
    (home / "network.yaml").write_bytes(LABNET.read_bytes())
    for file, name in (("etcd", "Example etcd"), ("proxy", "Example front proxy")):
        pair = authority(datetime.now(UTC), name=name)
        (home / f"{file}.crt").write_bytes(pair.certificate_pem)
        (home / f"{file}.key").write_bytes(pair.key_pem)
    own = {
        name: {"certificate": str(home / f"{file}.crt"), "key": str(home / f"{file}.key")}
        for name, file in (("cluster", "company"), ("etcd", "etcd"), ("frontProxy", "proxy"))
    }
    changes: dict[str, Any] = {
        "networking": {"podNetwork": "manifest", "podNetworkManifest": str(home / "network.yaml")},
        "security": {"ownCA": own, "keyType": "rsa", "leafDays": LEAF_DAYS},
    }
    yield from after.installed(lab, home, 2, changes)


def test_it_is_installed(chosen: Chosen) -> None:
    """Pods of both nodes reach one another, services and the API through a network that kinstall knows nothing of."""
    after.is_well(chosen)
    chosen.cluster.kubectl("apply -f -", stdin=world.WEB)
    world.answers_everywhere(chosen.cluster, ("cp1", "w1"))


@pytest.mark.covers(4)
def test_the_network_is_the_manifests_alone(chosen: Chosen) -> None:
    """Its configuration, bridge and routes; none of kinstall's, no masquerade; ranges given by the controller manager;
    also what it needed a second try for is there: an object of a kind that the same file defines."""
    ranges = chosen.cluster.kubectl("get nodes -o jsonpath='{.items[*].spec.podCIDR}'").split()
    assert sorted(ranges) == ["10.244.0.0/24", "10.244.1.0/24"]
    for host in chosen.cluster.hosts:
        assert host.run("ls -A /etc/cni/net.d").stdout.split() == ["20-labnet.conflist"]
        assert "kinstall" not in host.run("ls /etc/systemd/system; ip -o link").stdout
        assert host.run("ip route show proto 57; nft list table ip kinstall 2>/dev/null || true").stdout == ""
        assert " mtu 1400 " in host.run("ip -o link show labnet0").stdout
    assert chosen.cluster.kubectl("get pool default -o jsonpath={.spec.mtu}") == "1400"
    assert chosen.cluster.kubectl("-n labnet get daemonset labnet -o jsonpath={.status.numberAvailable}") == "2"
    replicas = "-n labnet get deployment labnet-controller -o jsonpath={.status.availableReplicas}"
    assert chosen.cluster.kubectl(replicas) == "1"


@pytest.mark.covers(17)
def test_the_company_signs_what_the_cluster_shows(chosen: Chosen) -> None:
    """The API's and every kubelet's certificate is the intermediate's, which is trusted alone; etcd has an authority of
    its own; keys are RSA; lifetimes are those of the answers."""
    plane = chosen.cluster.host("cp1")
    for host in chosen.cluster.hosts:
        assert host.run("grep -c BEGIN /etc/kubernetes/pki/ca.crt").stdout == "1\n"
        for port in ("10250", *(["6443"] if host is plane else [])):
            shown = _certificate(chosen, f"openssl s_client -connect {host.address}:{port} </dev/null 2>/dev/null")
            assert "issuer=CN = Example Kubernetes" in shown
            assert "rsaEncryption" in shown and "2048 bit" in shown
            assert LEAF_DAYS - 1 <= _days_left(shown) <= LEAF_DAYS
    trust = "openssl verify -partial_chain -CAfile /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/{}.crt"
    for name in ("apiserver", "kubelet", "kubelet-client", "apiserver-kubelet-client"):
        plane.run(trust.format(name))
    etcd = _certificate(chosen, f"openssl s_client -connect {plane.address}:2379 </dev/null 2>/dev/null")
    assert "issuer=CN = Example etcd" in etcd and "rsaEncryption" in etcd


@pytest.mark.covers(17)
def test_the_front_proxys_authority_vouches_for_users(chosen: Chosen) -> None:
    """The API server believes who shows a certificate of it, as an aggregated API does with the API server's own, and
    tells aggregated APIs of it; a certificate of the cluster's authority does not make a front proxy."""
    plane = chosen.cluster.host("cp1")
    url = f"https://{plane.address}:6443/api/v1/namespaces/kube-system"
    says = "-H 'X-Remote-User: somebody' -H 'X-Remote-Group: system:masters'"

    def status(name: str) -> str:
        shown = f"--cacert ca.crt --cert {name}.crt --key {name}.key"
        ask = f"curl -s -m 10 -o /dev/null -w '%{{http_code}}' {shown} {says} {url}"
        return plane.run(f"cd /etc/kubernetes/pki && {ask}").stdout

    assert status("front-proxy-client") == "200"
    assert status("kubelet-client") == "403", "then it is the kubelet, who may not see that"
    shown = _certificate(chosen, "cat /etc/kubernetes/pki/front-proxy-client.crt")
    assert "issuer=CN = Example front proxy" in shown
    told = "-n kube-system get configmap extension-apiserver-authentication -o yaml"
    authority_pem = yaml.safe_load(chosen.cluster.kubectl(told))["data"]["requestheader-client-ca-file"]
    assert authority_pem.strip() == (chosen.cluster.home / "proxy.crt").read_text().strip()


@pytest.mark.covers(17)
def test_the_companys_key_lies_where_it_has_to(chosen: Chosen) -> None:
    """On the control plane, whose controller manager signs with it; on no worker; the root is nowhere."""
    key = (chosen.cluster.state / "pki/ca.key").read_text().split("\n")[2]
    for node, places in (("cp1", "/etc/kubernetes/pki/ca.key\n"), ("w1", "")):
        host = chosen.cluster.host(node)
        assert host.run(f"grep -rlF '{key}' /etc /var/lib/kubelet /var/lib/kinstall || true").stdout == places
    root = (chosen.cluster.home / "company.crt").read_text().split("-----BEGIN CERTIFICATE-----\n")[2].split("\n")[3]
    assert chosen.cluster.host("cp1").run(f"grep -rlF '{root}' /etc /var/lib || true").stdout == ""


def _certificate(chosen: Chosen, source: str) -> str:
    """What openssl says of a certificate (PEM) that sh code on the control plane prints."""
    shown = f"{source} | openssl x509 -noout -issuer -enddate -text"
    return chosen.cluster.host("cp1").run(shown).stdout


def _days_left(shown: str) -> float:
    found = re.search(r"notAfter=(.*) GMT", shown)
    assert found
    end = datetime.strptime(found[1], "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    return (end - datetime.now(UTC)).total_seconds() / 86400


def test_nothing_is_left_to_do(chosen: Chosen) -> None:
    """A second replay asks the API about the manifest's objects, and changes none."""
    after.nothing_to_do(chosen)


@pytest.mark.covers(4)
def test_a_changed_manifest_is_applied_again(chosen: Chosen) -> None:
    """Only that: the new settings are on the nodes, what is no longer in the file is gone, and pods still meet."""
    file = chosen.cluster.home / "network.yaml"
    gone = ("Deployment", "Pool", "CustomResourceDefinition")
    kept = [each for each in yaml.safe_load_all(file.read_text()) if each["kind"] not in gone]
    next(each for each in kept if each["kind"] == "ConfigMap")["data"]["mtu"] = "1300"
    # The agent reads it when it starts: as networks do, its template tells of the change.
    template = next(each for each in kept if each["kind"] == "DaemonSet")["spec"]["template"]
    template["metadata"]["annotations"] = {"labnet.example/mtu": "1300"}
    file.write_text(yaml.safe_dump_all(kept))
    assert world.planned(chosen.cluster) == MANIFEST_CHANGED
    ended = chosen.cluster.replay()
    assert ended.code == 0, ended
    assert set(ended.changed) == MANIFEST_CHANGED
    for host in chosen.cluster.hosts:
        wait_until(lambda host=host: '"mtu": 1300' in host.run("cat /etc/cni/net.d/20-labnet.conflist").stdout,  # type: ignore[misc]
                   f"the new setting on {host.name}")  # fmt: skip
    assert "labnet" not in chosen.cluster.kubectl("-n labnet get deployments,customresourcedefinitions -o name")
    world.nothing_to_do(chosen.cluster)


@pytest.mark.covers(4)
def test_what_somebody_changed_in_the_cluster_is_put_back(chosen: Chosen) -> None:
    """A deleted object of the manifest, and a changed one, are in the plan and mended by a replay."""
    chosen.cluster.kubectl("delete clusterrolebinding labnet")
    chosen.cluster.kubectl('-n labnet patch configmap labnet --type=merge -p \'{"data":{"mtu":"900"}}\'')
    assert world.planned(chosen.cluster) == {("cp1", OBJECTS)}
    ended = chosen.cluster.replay()
    assert (ended.code, ended.changed) == (0, [("cp1", OBJECTS)]), ended
    assert chosen.cluster.kubectl("-n labnet get configmap labnet -o jsonpath={.data.mtu}") == "1300"


def test_files_that_cannot_be_used_are_told_before_any_node_is_asked(chosen: Chosen) -> None:
    """Exit code 2 and a sentence with the answer's name and the file's; and another authority is refused."""
    home = chosen.cluster.home
    good = (home / "network.yaml").read_text()
    try:
        (home / "network.yaml").write_text("kind: Deployment\nmetadata: {name: x}\n")
        ended = chosen.cluster.run("plan")
        assert ended.code == 2, ended
        assert f"networking.podNetworkManifest: {home}/network.yaml: document 1 has no apiVersion" in ended.err
    finally:
        (home / "network.yaml").write_text(good)
    own = {name: (home / f"company.{name}").read_bytes() for name in ("crt", "key")}
    _, other = intermediate(datetime.now(UTC))
    try:
        (home / "company.crt").write_bytes(other.certificate_pem)
        (home / "company.key").write_bytes(other.key_pem)
        ended = chosen.cluster.run("plan")
        assert ended.code == 2, ended
        assert "security.ownCA names a different CA from" in ended.err
    finally:
        # Taken once: from now on they may lie in a safe.
        for name in own:
            (home / f"company.{name}").unlink()
    world.nothing_to_do(chosen.cluster)


def test_all_hosts_lose_power(chosen: Chosen) -> None:
    """The network comes back by itself, as its files on the nodes do."""
    after.lose_power(chosen)
    world.answers_everywhere(chosen.cluster, ("cp1", "w1"))


@pytest.mark.covers(4)
def test_reset_leaves_nothing(chosen: Chosen) -> None:
    """Also what the manifest's pods put onto the nodes goes: their configuration, folder, bridge and routes."""
    assert chosen.cluster.host("w1").run("ls /run/labnet; ip -o link show labnet0").stdout
    after.reset(chosen)
