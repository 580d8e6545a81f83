"""What a role or a single node has otherwise: components, labels, taints, and the address that its peers use."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509

from assets import paths
from assets.credentials.pki import ClusterPki, Leaf
from assets.objects import node_labels
from kinstall.cluster import (
    ClusterSpec,
    ComponentOverrides,
    Components,
    ContainerdOverrides,
    ControlPlaneRole,
    Networking,
    Node,
    OwnComponents,
    OwnContainerd,
    Role,
    Roles,
    Security,
    Taint,
    WorkerComponents,
)
from kinstall.cluster.immutable import identity, immutable_changes, moved_nodes
from kinstall.verify.checks.kube_proxy import health_url
from tests.unit.assets.cluster import SPEC, files_of, loaded, pki_in


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> ClusterPki:
    return pki_in(tmp_path_factory.mktemp("state"))


def with_node(spec: ClusterSpec, name: str, **changes: object) -> ClusterSpec:
    return replace(spec, nodes=tuple(replace(n, **changes) if n.name == name else n for n in spec.nodes))  # type: ignore[arg-type]


def configured(config: dict[str, object], **flags: str) -> ComponentOverrides:
    return ComponentOverrides(config=config, extra_args={key.replace("_", "-"): flags[key] for key in flags})


def test_a_role_goes_over_all_nodes_and_a_node_over_its_role(pki: ClusterPki) -> None:
    """Configuration merges field by field, flags one by one; a null takes away what the place before had set."""
    spec = replace(
        SPEC,
        components=Components(kubelet=configured({"maxPods": 50, "imageGCHighThresholdPercent": 80}, v="1")),
        roles=Roles(
            worker=Role(
                components=WorkerComponents(kubelet=configured({"maxPods": 100}, v="2", feature_gates="A=true"))
            )
        ),
    )
    own = OwnComponents(kubelet=configured({"maxPods": 200, "imageGCHighThresholdPercent": None}, v="3"))
    spec = with_node(spec, "w2", components=own)
    seen = {}
    for name in ("cp1", "w1", "w2"):
        files = files_of(spec, name, pki)
        config, unit = loaded(files[paths.KUBELET_CONFIG]), files[paths.unit_file(paths.KUBELET_UNIT)].content.decode()
        flags = {word for word in unit.split() if word.startswith(("--v=", "--feature-gates="))}
        seen[name] = (config["maxPods"], config.get("imageGCHighThresholdPercent"), flags)
    assert seen == {
        "cp1": (50, 80, {"--v=1"}),
        "w1": (100, 80, {"--v=2", "--feature-gates=A=true"}),
        "w2": (200, None, {"--v=3", "--feature-gates=A=true"}),
    }


def test_a_null_of_a_node_removes_what_kinstall_writes(pki: ClusterPki) -> None:
    """Put together before they are applied, a null over a value would be lost and kinstall's own value stay."""
    spec = replace(SPEC, components=Components(kubelet=configured({"serializeImagePulls": True})))
    spec = with_node(spec, "w1", components=OwnComponents(kubelet=configured({"serializeImagePulls": None})))
    assert loaded(files_of(spec, "w2", pki)[paths.KUBELET_CONFIG])["serializeImagePulls"] is True
    assert "serializeImagePulls" not in loaded(files_of(spec, "w1", pki)[paths.KUBELET_CONFIG])


def four_of(**flags: str) -> OwnComponents:
    each = configured({}, **flags)
    return OwnComponents(kube_apiserver=each, kube_controller_manager=each, kube_scheduler=each, etcd=each)


def test_a_control_planes_flags_can_be_its_own(pki: ClusterPki) -> None:
    """For the role and for the node, in each of the four static pods."""
    names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
    spec = replace(SPEC, roles=Roles(control_plane=ControlPlaneRole(components=four_of(max_result="7"))))
    for wanted, each in (
        ({"--max-result=7"}, spec),
        ({"--max-result=8", "--own=1"}, with_node(spec, "cp1", components=four_of(max_result="8", own="1"))),
    ):
        files = files_of(each, "cp1", pki)
        for name in names:
            command = loaded(files[paths.manifest(name)])["spec"]["containers"][0]["command"]
            assert {flag for flag in command if flag.startswith(("--max-result", "--own"))} == wanted


def test_containerd_of_a_node_keeps_what_the_node_does_not_say(pki: ClusterPki) -> None:
    """The cgroup driver is the node's own, the rest is everybody's."""
    spec = replace(SPEC, components=Components(containerd=ContainerdOverrides(restrict_oom_score_adj=True)))
    own = OwnComponents(containerd=OwnContainerd(systemd_cgroup=False))
    spec = with_node(spec, "w1", components=own)
    assert spec.components_of(spec.node("w1")).containerd == ContainerdOverrides(
        systemd_cgroup=False, restrict_oom_score_adj=True
    )
    text = {name: files_of(spec, name, pki)[paths.CONTAINERD_CONFIG].content.decode() for name in ("w1", "w2")}
    assert "SystemdCgroup = false" in text["w1"] and "restrict_oom_score_adj = true" in text["w1"]
    assert "SystemdCgroup = true" in text["w2"]


def test_labels_and_taints_of_a_role(pki: ClusterPki) -> None:
    """Labels merge; a list of taints is the node's own, else its role's, else the control plane's usual one."""
    gpu, slow = Taint(key="gpu", effect="NoSchedule"), Taint(key="slow", effect="PreferNoSchedule")
    spec = replace(SPEC, roles=Roles(worker=Role(labels={"zone": "x", "rack": "1"}, taints=(slow,))))
    spec = with_node(spec, "w2", taints=(gpu,))
    assert node_labels(spec, spec.node("w1")) == {"zone": "a", "rack": "1"}
    assert node_labels(spec, spec.node("w2")) == {"zone": "x", "rack": "1"}
    assert spec.taints_of(spec.node("w1")) == (slow,)
    assert spec.taints_of(spec.node("w2")) == (gpu,)
    assert [taint.key for taint in spec.taints_of(spec.node("cp1"))] == ["node-role.kubernetes.io/control-plane"]
    open_planes = replace(spec, roles=replace(spec.roles, control_plane=ControlPlaneRole(taints=())))
    assert open_planes.taints_of(spec.node("cp1")) == ()


def test_kube_proxys_health_is_asked_where_that_node_has_it() -> None:
    """A node's own port is its own."""
    own = OwnComponents(kube_proxy=configured({"healthzBindAddress": "127.0.0.1:9"}))
    spec = with_node(SPEC, "w1", components=own)
    assert health_url(spec, spec.node("w1")) == "http://127.0.0.1:9/healthz"
    assert health_url(spec, spec.node("w2")) == "http://127.0.0.1:10256/healthz"


def two_addresses(spec: ClusterSpec) -> ClusterSpec:
    """192.0.2.x for SSH, 198.51.100.x between the nodes."""
    nodes = (replace(node, node_ip=node.address.replace("192.0.2.", "198.51.100.")) for node in spec.nodes)
    return replace(spec, nodes=tuple(nodes))


@pytest.mark.parametrize("pod_network", ["routed", "overlay"])
@pytest.mark.parametrize("mode", ["https", "http"])
def test_everything_but_ssh_follows_the_node_ip(
    pod_network: str, mode: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No file of any node names an address that is only for SSH: routes, etcd, API server, kubelet, filters."""
    security = Security(mode=mode, trusted_networks=("203.0.113.0/24",), acknowledge_insecure=True)
    spec = two_addresses(
        replace(
            SPEC, networking=Networking(pod_network=pod_network), security=security if mode == "http" else Security()
        )
    )
    pki = pki_in(tmp_path_factory.mktemp("state"), spec)
    assert spec.endpoint == "198.51.100.11:6443"
    for node in spec.nodes:
        files = files_of(spec, node.name, pki)
        assert [path for path, file in files.items() if b"192.0.2." in file.content] == []
        assert f"--node-ip={node.node_ip}" in files[paths.unit_file(paths.KUBELET_UNIT)].content.decode()
        listed = files[paths.ROUTES_LIST if pod_network == "routed" else paths.OVERLAY_LIST].content.decode()
        assert all(peer.node_ip in listed for peer in spec.nodes if peer != node)


def sans(pem: bytes) -> set[str]:
    extension = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(address) for address in extension.value.get_values_for_type(x509.IPAddress)}


def test_certificates_name_the_node_ip_and_the_api_servers_both(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever reaches the API server at the address for SSH shall find it in the certificate."""
    spec = two_addresses(SPEC)
    pki = pki_in(tmp_path_factory.mktemp("state"), spec)
    assert {"198.51.100.11", "192.0.2.11"} <= sans(pki.leaf(Leaf.APISERVER, "cp1").certificate_pem)
    assert sans(pki.leaf(Leaf.KUBELET_SERVING, "w1").certificate_pem) == {"198.51.100.12"}
    assert "198.51.100.11" in sans(pki.leaf(Leaf.ETCD_PEER, "cp1").certificate_pem)
    assert "192.0.2.11" not in sans(pki.leaf(Leaf.ETCD_SERVER, "cp1").certificate_pem)


def test_the_address_for_ssh_may_change_and_the_node_ip_may_not() -> None:
    """A node that is reached by another way is the same one; one whose peers know it elsewhere is not."""
    spec = two_addresses(SPEC)
    before: Node = spec.node("w1")
    recorded = identity(spec, before, "aa", "10.244.1.0/24")
    assert recorded["address"] == before.node_ip
    elsewhere = with_node(spec, "w1", address="203.0.113.5")
    assert immutable_changes(recorded, elsewhere, elsewhere.node("w1")) == []
    assert moved_nodes({"w1": before.internal_ip}, elsewhere) == []
    moved = with_node(spec, "w1", node_ip="198.51.100.77")
    assert [each.path for each in immutable_changes(recorded, moved, moved.node("w1"))] == ["nodes[1].nodeIP"]
    assert [each.path for each in moved_nodes({"w1": before.internal_ip}, moved)] == ["nodes[1].nodeIP"]
