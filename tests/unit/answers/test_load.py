"""Answers files that are right: what they become, and that writing them down again loses nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinstall.answers import document, load, rules
from kinstall.answers.fields import describe_keys, enclosing, holds, written
from kinstall.cluster import ClusterSpec, ComponentOverrides, Components, Node, NodeSsh, Security, Ssh, Taint
from kinstall.cluster.release_files import image_refs
from kinstall.errors import InvalidAnswers
from kinstall.findings import Problem

EXAMPLES = sorted((Path(__file__).parents[3] / "kinstall/answers/examples").glob("*.yaml"))
NODES = (
    Node(name="cp1", address="10.90.0.11", role="control-plane"),
    Node(name="w1", address="10.90.0.12", role="worker"),
)

SMALLEST = """\
nodes:
  - {name: cp1, address: 10.90.0.11, role: control-plane}
  - {name: w1, address: 10.90.0.12, role: worker}
"""

# What the machines of the project's own lab need: none of it may be refused.
LAB = """\
clusterName: demo
controlPlaneEndpoint: 10.90.0.11:6443
components:
  kubelet: {config: {failCgroupV1: false, cgroupDriver: cgroupfs, failSwapOn: false, oomScoreAdj: 0}}
  kubeProxy: {config: {conntrack: {maxPerCore: 0}}}
  containerd: {systemdCgroup: false, restrictOomScoreAdj: true}
images:
  mirrors: {registry.k8s.io: {endpoint: "http://10.90.0.1:5000"}}
  digests: {DIGESTS}
ssh: {user: root, port: 22, identityFile: /run/lab/id_ed25519}
downloads:
  kubernetes: http://10.90.0.1:8000/dl.k8s.io
  containerd: http://10.90.0.1:8000/github.com/containerd/containerd/releases/download
  runc: http://10.90.0.1:8000/github.com/opencontainers/runc/releases/download
  cniPlugins: http://10.90.0.1:8000/github.com/containernetworking/plugins/releases/download
  sha256:
"""
PINNED = (
    "kubelet",
    "kubectl",
    "kube-proxy",
    "containerd-2.4.2-linux-amd64.tar.gz",
    "runc.amd64",
    "cni-plugins-linux-amd64-v1.9.1.tgz",
)


IMAGES = (
    *(f"{each}:v1.37.2" for each in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")),
    *("etcd:3.7.1-0", "pause:3.10.2", "coredns/coredns:v1.14.6", "e2e-test-images/agnhost:2.66.1"),
)


def lab() -> str:
    digests = ", ".join(f'"registry.k8s.io/{name}": "sha256:{"b2" * 32}"' for name in IMAGES)
    return LAB.replace("DIGESTS", digests) + "".join(f"    {name}: {'a1' * 32}\n" for name in PINNED) + SMALLEST


def test_only_nodes_are_needed() -> None:
    """Everything else has a default, and the defaults are the spec's own."""
    assert load.parse(SMALLEST) == ClusterSpec(nodes=NODES)


def test_an_answers_file_for_the_lab_is_accepted() -> None:
    """Plain-HTTP sites with pins, a mirror and overrides of Kubernetes' own fields arrive as they were written."""
    spec = load.parse(lab())
    assert spec.components.kubelet.config["failCgroupV1"] is False
    assert spec.components.kubelet.config["oomScoreAdj"] == 0
    assert spec.components.kube_proxy.config == {"conntrack": {"maxPerCore": 0}}
    assert spec.components.containerd.restrict_oom_score_adj
    assert spec.images.mirrors["registry.k8s.io"].endpoint == "http://10.90.0.1:5000"
    assert set(spec.downloads.sha256) == set(PINNED)


def test_one_missing_pin_of_the_lab_is_named() -> None:
    """Without its pin a file over plain HTTP is refused by name: the pins above are what makes the lab's file good."""
    with pytest.raises(InvalidAnswers, match="no digest for runc"):
        load.parse("".join(line for line in lab().splitlines(keepends=True) if "runc.amd64" not in line))


def test_pins_of_one_architecture_are_enough() -> None:
    """Which architecture the nodes have is not known from the answers: pins for arm64 alone are accepted too."""
    spec = load.parse(lab().replace("amd64", "arm64").replace("    kubelet:", "    arm64/kubelet:"))
    assert "arm64/kubelet" in spec.downloads.sha256


def test_images_may_have_digests() -> None:
    """Beside the tag, in the place of one in a whole reference, or in the map: each image's reference ends in it."""
    a, b, c, d = (f"sha256:{letter * 64}" for letter in "abcd")
    images = {
        "etcd": f"3.7.1-0@{a}",
        "coredns": f"r.example.com:5000/dns/coredns@{b}",
        "pause": f"r.example.com/pause:3.10@{c}",
        "digests": {"registry.k8s.io/e2e-test-images/agnhost:2.66.1": d},
    }
    refs = image_refs(load.parse(f"images: {json.dumps(images)}\n{SMALLEST}"))
    assert refs.etcd == f"registry.k8s.io/etcd:3.7.1-0@{a}"
    assert refs.coredns == f"r.example.com:5000/dns/coredns@{b}"
    assert refs.pause == f"r.example.com/pause:3.10@{c}"
    assert refs.agnhost == f"registry.k8s.io/e2e-test-images/agnhost:2.66.1@{d}"
    assert "@" not in refs.kube_apiserver


def test_a_cluster_can_be_removed_with_answers_that_are_refused_now() -> None:
    """A mirror over http:// without digests was accepted once. What does not lead to a node is not looked at then;
    names, addresses and logins are."""
    refused = (
        'images: {mirrors: {registry.k8s.io: {endpoint: "http://10.90.0.1:5000"}}}\n'
        "components: {kubelet: {extraArgs: {root-dir: /data}}}\n"
        "networking: {podSubnet: none}\n"
    )
    with pytest.raises(InvalidAnswers) as caught:
        load.parse(refused + SMALLEST)
    assert len(caught.value.problems) == 3
    spec = load.parse(refused + SMALLEST, to_remove=True)
    assert spec.nodes == NODES
    bad = (
        SMALLEST.replace("cp1", "-cp1").replace("10.90.0.12", "nowhere")
        + "ssh: {port: 0}\nclusterName: ../x\nsshh: 1\n"
    )
    with pytest.raises(InvalidAnswers) as caught:
        load.parse(refused + bad, to_remove=True)
    assert [each.path for each in caught.value.problems] == [
        "nodes[0].name",
        "nodes[1].address",
        "ssh.port",
        "clusterName",
    ]
    with pytest.raises(InvalidAnswers, match=r"ssh\.user"):
        load.parse(f"{SMALLEST}ssh: {{user: a, user: b}}\n", to_remove=True)


def test_json_is_accepted() -> None:
    """JSON is YAML: a program may write the answers."""
    text = '{"clusterName": "a", "nodes": [{"name": "cp1", "address": "10.90.0.11", "role": "control-plane"}]}'
    assert load.parse(text).cluster_name == "a"


def test_aliases_within_bounds_are_accepted() -> None:
    """An anchor spares repetition, and a byte order mark and Windows' line ends do no harm."""
    text = (
        "nodes:\n  - {name: cp1, address: 10.90.0.11, role: control-plane, ssh: &ops {user: ops}}\n"
        "  - {name: w1, address: 10.90.0.12, role: worker, ssh: *ops}\n"
    )
    assert [node.ssh.user for node in load.parse(text).nodes] == ["ops", "ops"]


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    """What an editor on Windows stores is read like any other file."""
    path = tmp_path / "answers.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
    assert load.load(path) == ClusterSpec(nodes=NODES)


def test_role_labels_are_accepted() -> None:
    """kinstall sets labels as an administrator, so labels that a kubelet may not give itself are no mistake."""
    text = SMALLEST.replace("role: worker}", 'role: worker, labels: {node-role.kubernetes.io/worker: ""}}')
    assert load.parse(text).nodes[1].labels == {"node-role.kubernetes.io/worker": ""}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_right_and_survive_a_round_trip(path: Path) -> None:
    """Each example parses, and both ways of writing it down give the same spec again."""
    spec = load.load(path)
    assert load.parse(load.dump(spec)) == spec
    assert load.parse(load.dump(spec, show_defaults=True)) == spec


def test_there_are_three_examples() -> None:
    """The tests above did look at something."""
    assert len(EXAMPLES) >= 3


AWKWARD = (
    *("no", "y", "On", "1e3", "0644", "0o7", "1.30", ".5", "12:30", "1_000", "2026-01-01", "null", "~", ""),
    *(
        "=",
        "<<",
        "*x",
        "&x",
        "!x",
        "@x",
        "%x",
        "- x",
        "a: b",
        "#x",
        "x #y",
        "é",
        "two\nlines",
        " space ",
        "'",
        '"',
        "\\",
    ),
)


def test_round_trip_of_awkward_texts() -> None:
    """Texts that look like something else are quoted on the way out, so they come back as the same text."""
    config = {text: [text, {"inner": text}, None, 1.5, -3, True] for text in AWKWARD}
    flags = {f"flag-{index}": text for index, text in enumerate(AWKWARD) if "\n" not in text}
    worker = Node(
        name="0644",
        address="10.90.0.12",
        role="worker",
        labels={"a": "no", "b": "1.30", "on": "12"},
        taints=(Taint(key="y", effect="NoExecute", value="off"),),
        ssh=NodeSsh(user="123", password="env:X"),
        pod_cidr="10.244.7.0/24",
    )
    spec = ClusterSpec(
        cluster_name="1e3",
        nodes=(NODES[0], worker),
        components=Components(kubelet=ComponentOverrides(config=config, extra_args=flags)),
        ssh=Ssh(sudo_password="prompt:"),
        security=Security(extra_sans=("1e3", "::1")),
    )
    assert load.parse(load.dump(spec)) == spec
    assert load.parse(load.dump(spec, show_defaults=True)) == spec


def test_dump_says_only_what_differs() -> None:
    """Defaults are left out, the rest stands in the order of the spec, and the same spec gives the same bytes."""
    spec = ClusterSpec(cluster_name="demo", nodes=NODES, ssh=Ssh(port=2222))
    text = load.dump(spec)
    keys = [line.partition(":")[0] for line in text.splitlines() if line[0] not in " -"]
    assert keys == ["clusterName", "ssh", "nodes"]
    assert "user" not in text
    assert text == load.dump(spec)


def test_dump_with_defaults_shows_every_key() -> None:
    """Every key of the reference is visible, apart from those inside lists and mappings that are empty."""
    parsed = document.read(load.dump(ClusterSpec(nodes=NODES), show_defaults=True))
    for doc in describe_keys():
        if not any(each in doc.path for each in ("NAME", "taints[]", "proxyJump[]")):
            assert doc.path.replace("[]", "[0]") in parsed.lines, doc.path


def test_reference_has_every_key_with_help() -> None:
    """The reference knows nested and listed keys, their defaults and which are required."""
    docs = {doc.path: doc for doc in describe_keys()}
    assert docs["networking.nodeCIDRMaskSize"].default == 24
    assert docs["networking.proxyMode"].choices == ("nftables", "iptables")
    assert docs["nodes[].taints[].effect"].required
    assert docs["images.mirrors.NAME.endpoint"].required
    assert docs["components.kubelet.extraArgs"].type == "a mapping of text"
    assert all(doc.help for doc in docs.values())


def test_rules_do_without_a_file() -> None:
    """The rules judge a spec that never was text: the wizard asks them, too."""
    spec = ClusterSpec(cluster_name="Not valid", nodes=NODES)
    assert [problem.path for problem in rules.check(spec)] == ["clusterName"]
    assert rules.check(ClusterSpec(nodes=NODES)) == []


def test_nothing_is_said_about_placeholders() -> None:
    """A place that is named as broken, and what is inside it, is left alone."""
    spec = ClusterSpec(nodes=(NODES[0], Node(name="", address="", role="worker", labels={"a b": ""})))
    assert rules.check(spec, frozenset({"nodes[1]"})) == []
    assert {problem.path for problem in rules.check(spec, frozenset({"nodes[1].name", "nodes[1].address"}))} == {
        'nodes[1].labels["a b"]'
    }


def test_problems_read_as_sentences() -> None:
    """A problem's place comes first, then what is wrong and how to mend it."""
    problem = Problem("ssh.port", "0 is not a valid TCP port", "write a number from 1 to 65535", 7)
    assert str(problem) == "line 7, ssh.port: 0 is not a valid TCP port; write a number from 1 to 65535"


@pytest.mark.parametrize(
    ("path", "text", "parent"),
    [
        (("nodes", 1, "name"), "nodes[1].name", "nodes[1]"),
        (("nodes", 1), "nodes[1]", "nodes"),
        (("images", "mirrors", "a.b:5000"), 'images.mirrors["a.b:5000"]', "images.mirrors"),
        (("images", "mirrors", "a.b", "endpoint"), 'images.mirrors["a.b"].endpoint', 'images.mirrors["a.b"]'),
        (("clusterName",), "clusterName", ""),
    ],
)
def test_written_paths(path: tuple[str | int, ...], text: str, parent: str) -> None:
    """Paths are written as operators write them, and their parents are found again."""
    assert written(path) == text
    assert enclosing(text) == parent
    assert holds(parent, text)
    assert not holds(text, parent)


def test_a_place_does_not_hold_its_namesake() -> None:
    """`nodes[1]` holds neither `nodes[10]` nor a key that merely begins alike."""
    assert not holds("nodes[1]", "nodes[10].name")
    assert not holds("ssh.password", "ssh.passwordFile")
