"""The operator's own pod network: what is read out of a manifest, and what is no manifest."""

import json
from dataclasses import replace

import pytest

from assets.control_plane.controller_manager import CONTROLLER_MANAGER
from assets.pod_network import POD_NETWORKS
from assets.pod_network.manifest import Thing, Unusable, read
from kinstall.cluster import Networking
from tests.unit.assets.cluster import SPEC

MANIFEST = b"""\
# somebody's comment
---
apiVersion: v1
kind: Namespace
metadata: {name: net}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret, metadata: {name: s, namespace: net}, stringData: {a: CANARY}}
- apiVersion: apps/v1
  kind: DaemonSet
  metadata: {name: agent, namespace: net}
  spec:
    template:
      spec:
        initContainers: [{name: install}]
        containers: [{name: agent}]
        volumes:
        - {name: a, hostPath: {path: /etc/cni/net.d/}}
        - {name: b, hostPath: {path: /run/agent, type: DirectoryOrCreate}}
        - {name: c, configMap: {name: x}}
---
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: controller}
spec: {template: {spec: {containers: [{name: controller}], volumes: [{name: a, hostPath: {path: /run/agent}}]}}}
---
apiVersion: example.org/v1
kind: DaemonSet
metadata: {name: not-kubernetes-own}
"""


def test_what_is_read_out_of_it() -> None:
    """Every object by its name, also those in a List; what its pods mount; and the bytes as they were."""
    found = read(MANIFEST)
    assert found.content == MANIFEST
    assert [each.kind for each in found.objects] == ["Namespace", "Secret", "DaemonSet", "Deployment", "DaemonSet"]
    assert found.workloads == (
        Thing("apps", "DaemonSet", "net", "agent"),
        Thing("apps", "Deployment", "", "controller"),
    )
    assert found.workloads[0].resource == "DaemonSet.apps"
    assert found.host_paths == ("/etc/cni/net.d", "/run/agent")
    assert found.containers == ("install", "agent", "controller")
    assert found.secret


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "contains no objects"),
        (b"---\n---\n# nothing\n", "contains no objects"),
        (b"a: [CANARY", "not valid YAML: line"),
        (b"a: b: c\n", "not valid YAML: line 1"),
        (b"just text CANARY", "document 1 is not an object"),
        (b"- {kind: Pod}", "document 1 is not an object"),
        (b"kind: Pod\nmetadata: {name: x}\n", "document 1 has no apiVersion"),
        (b"apiVersion: v1\nmetadata: {name: x}\n", "document 1 has no kind"),
        (
            b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\n",
            "document 2 has no",
        ),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: [CANARY]}\n", "metadata.name"),
        (b"apiVersion: v1\nkind: List\nitems: [{kind: Pod}]\n", "document 1, item 1, has no apiVersion"),
        (b'apiVersion: v1\nkind: Pod\nmetadata: {name: "a\\n.END.\\nCANARY"}\n', "metadata.name is not a valid name"),
        (
            b"apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: a CANARY}\n",
            "metadata.namespace is not a valid name",
        ),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"<html>CANARY</html>", "document 1 is not an object"),
        (b"x: !!python/object/apply:os.system [CANARY]", "not valid YAML"),
        (b"[" * 20_000, "nested more than 100 levels"),
    ],
)
def test_what_is_no_manifest(text: bytes, why: str) -> None:
    """A sentence of where and why, and never a word of what stands there."""
    with pytest.raises(Unusable, match=why) as caught:
        read(text)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("spec", ["7", "{template: 7}", "{template: {spec: {volumes: [3], containers: x}}}"])
def test_nonsense_inside_a_workload_is_the_api_servers_business(spec: str) -> None:
    """It refuses it with a better sentence."""
    text = f"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{name: x}}\nspec: {spec}\n"
    assert read(text.encode()).host_paths == ()


@pytest.mark.parametrize("name", sorted(POD_NETWORKS))
def test_ranges_are_planned_or_allocated_and_never_both(name: str) -> None:
    """Where kinstall keeps the ways between nodes it gives the ranges; else the controller manager does."""
    networking = Networking(pod_network=name, node_cidr_mask_size=25)
    assert networking.plans_ranges == (POD_NETWORKS[name].keeper is not None)
    command = [str(flag) for flag in CONTROLLER_MANAGER.flags(replace(SPEC, networking=networking), SPEC.nodes[0])]
    assert (f"--allocate-node-cidrs={'false' if networking.plans_ranges else 'true'}") in command
    assert ("--node-cidr-mask-size=25" in command) != networking.plans_ranges


def calico(*env: dict[str, str], more: str = "") -> bytes:
    container = {"name": "calico-node", "env": list(env)}
    pods = {"template": {"spec": {"initContainers": [{"name": "install-cni"}], "containers": [container]}}}
    daemons = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "calico-node"}, "spec": pods}
    return f"{json.dumps(daemons)}\n---\n{more}".encode()


POOL = "{apiVersion: crd.projectcalico.org/v1, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.9.0.0/16}}"
FLANNEL = """
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-flannel-cfg}
data:
  net-conf.json: |
    {"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}
"""
CILIUM = "{apiVersion: v1, kind: ConfigMap, metadata: {name: cilium-config}, data: {ipam: %s, %s: 10.0.0.0/8}}"
INSTALLATION = "{apiVersion: operator.tigera.io/v1, kind: Installation, metadata: {name: default}, spec: {%s}}"
SETTING = "CALICO_IPV4POOL_CIDR of calico-node"
OPERATOR = "spec.calicoNetwork.ipPools of the Installation"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (MANIFEST, []),
        (calico(), [(SETTING, "")]),
        (calico({"name": "IP", "value": "autodetect"}), [(SETTING, "")]),
        (calico({"name": "CALICO_IPV4POOL_CIDR", "value": "10.244.0.0/16"}), [(SETTING, "10.244.0.0/16")]),
        (calico({"name": "NO_DEFAULT_POOLS", "value": "true"}), []),
        (calico({"name": "CALICO_NETWORKING_BACKEND", "value": "none"}), []),
        (calico(more=POOL), [("IPPool p", "10.9.0.0/16")]),
        (FLANNEL.encode(), [("Network in net-conf.json", "10.244.0.0/16")]),
        (FLANNEL.replace("}}", "").encode(), []),
        (
            (CILIUM % ("cluster-pool", "cluster-pool-ipv4-cidr")).encode(),
            [("cluster-pool-ipv4-cidr of ConfigMap cilium-config", "10.0.0.0/8")],
        ),
        ((CILIUM % ("kubernetes", "cluster-pool-ipv4-cidr")).encode(), []),
        ((INSTALLATION % "").encode(), [(OPERATOR, "")]),
        (
            (INSTALLATION % "calicoNetwork: {ipPools: [{cidr: 10.8.0.0/16}, {cidr: 'fd00::/48'}, 7]}").encode(),
            [(OPERATOR, "10.8.0.0/16")],
        ),
        ((INSTALLATION % "calicoNetwork: {ipPools: 7}").encode(), []),
        (calico({"name": "CALICO_IPV4POOL_CIDR", "valueFrom": "x"}), []),
    ],
)
def test_where_pods_get_their_addresses(content: bytes, found: list[tuple[str, str]]) -> None:
    """Calico's three ways, flannel, Cilium; "" where Calico looks for a range itself; odd values are passed over."""
    assert [(each.setting, each.cidr) for each in read(content).pools] == found
