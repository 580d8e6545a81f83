"""What lies on every node: kubelet, kube-proxy, containerd, CNI, firewall, kernel settings; and secrets' modes."""

import configparser
import json
import random
import re
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from assets import catalog, paths, units
from assets.container_runtime import containerd
from assets.credentials.pki import ClusterPki
from assets.inputs import MirrorAccess
from assets.node import kernel
from assets.yaml_writer import document
from kinstall.cluster import (
    ClusterSpec,
    ComponentOverrides,
    Components,
    ContainerdOverrides,
    Images,
    Mirror,
    Networking,
    Node,
    Taint,
    merge_patch,
)
from tests.unit.assets.cluster import IMAGES, SPEC, files_of, inputs_of, loaded, pki_in


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> ClusterPki:
    return pki_in(tmp_path_factory.mktemp("state"))


@pytest.mark.parametrize("name", ["cp1", "w1"])
def test_keys_are_secret_and_nothing_else_holds_one(pki: ClusterPki, name: str) -> None:
    """Whatever contains a private key is marked as secret and readable by root alone, and the reverse."""
    for path, file in files_of(SPEC, name, pki).items():
        holds = b"PRIVATE KEY" in file.content or (path.endswith(".conf") and b"kind: Config" in file.content)
        assert file.secret == holds, path
        assert not file.secret or file.mode == 0o600, path
        assert "PRIVATE" not in repr(file)


def test_a_worker_gets_no_authority_key(pki: ClusterPki) -> None:
    """Nor anything else of the control plane: no admin.conf, no manifest, no etcd."""
    files = files_of(SPEC, "w1", pki)
    assert not set(files) & {*paths.CA_KEYS, paths.ADMIN_CONF}
    assert not [path for path in files if path.startswith((paths.MANIFESTS, paths.ETCD_PKI))]
    assert paths.SUPER_ADMIN_CONF not in files_of(SPEC, "cp1", pki)


def test_the_same_inputs_give_the_same_bytes(pki: ClusterPki) -> None:
    """In the same order too: a second replay finds nothing to do."""
    assert list(files_of(SPEC, "cp1", pki).items()) == list(files_of(SPEC, "cp1", pki).items())


def test_every_file_lies_in_a_group_once(pki: ClusterPki) -> None:
    """No path is rendered twice, and a manifest comes after all that its pod reads."""
    groups = catalog.rendered_for(SPEC, SPEC.nodes[0], pki, inputs_of("cp1"))
    order = [file.path for group in groups.values() for file in group]
    assert len(order) == len(set(order))
    first_manifest = min(order.index(paths.manifest(name)) for name in ("etcd", "kube-apiserver"))
    assert all(path.startswith(paths.MANIFESTS) for path in order[first_manifest:])


def test_a_new_worker_changes_only_routes_elsewhere(pki: ClusterPki) -> None:
    """The other nodes' files differ in the list of routes and in nothing else."""
    more = {"w1": "10.244.1.0/24", "w2": "10.244.2.0/24", "w3": "10.244.3.0/24"}
    spec = replace(SPEC, nodes=(*SPEC.nodes, Node(name="w3", address="192.0.2.14", role="worker")))
    before, after = files_of(SPEC, "cp1", pki), files_of(spec, "cp1", pki, peers=more)
    assert [path for path in after if before[path] != after[path]] == [paths.ROUTES_LIST]
    assert after[paths.ROUTES_LIST].content.endswith(b"10.244.3.0/24 192.0.2.14\n")


def test_kubelet_configuration(pki: ClusterPki) -> None:
    """Closed by default, with our serving certificate, the planned DNS address and the found resolver."""
    config = loaded(files_of(SPEC, "cp1", pki, resolv_conf="/run/systemd/resolve/resolv.conf")[paths.KUBELET_CONFIG])
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authorization"] == {"mode": "Webhook"}
    assert config["readOnlyPort"] == 0
    assert config["clusterDNS"] == ["10.96.0.10"]
    assert config["resolvConf"] == "/run/systemd/resolve/resolv.conf"
    assert config["registerWithTaints"] == [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    files = files_of(SPEC, "cp1", pki)
    assert {
        config["tlsCertFile"],
        config["tlsPrivateKeyFile"],
        config["authentication"]["x509"]["clientCAFile"],
    } <= set(files)


def test_kubelet_taints_follow_the_node(pki: ClusterPki) -> None:
    """None on a worker, its own with key and value where given, none on a control plane that takes pods."""
    tainted = replace(SPEC.nodes[1], taints=(Taint(key="gpu", value="yes", effect="NoExecute"),))
    spec = replace(SPEC, nodes=(replace(SPEC.nodes[0], taints=()), tainted, SPEC.nodes[2]))

    def taints(name: str) -> Any:
        return loaded(files_of(spec, name, pki)[paths.KUBELET_CONFIG]).get("registerWithTaints")

    assert taints("w1") == [{"key": "gpu", "value": "yes", "effect": "NoExecute"}]
    assert taints("w2") is None
    assert taints("cp1") is None


def test_config_overrides_are_merge_patches(pki: ClusterPki) -> None:
    """Fields are merged into maps, replace lists, and null removes."""
    kubelet = ComponentOverrides(
        config={"failSwapOn": False, "authentication": {"webhook": {"cacheTTL": "1m0s"}}, "serializeImagePulls": None}
    )
    proxy = ComponentOverrides(config={"conntrack": {"maxPerCore": 0}})
    spec = replace(SPEC, components=Components(kubelet=kubelet, kube_proxy=proxy))
    files = files_of(spec, "w1", pki)
    config = loaded(files[paths.KUBELET_CONFIG])
    assert config["failSwapOn"] is False
    assert config["authentication"]["webhook"] == {"enabled": True, "cacheTTL": "1m0s"}
    assert "serializeImagePulls" not in config
    assert loaded(files[paths.KUBE_PROXY_CONFIG])["conntrack"] == {"maxPerCore": 0}
    assert loaded(files[paths.KUBE_PROXY_CONFIG])["hostnameOverride"] == "w1"


def test_merge_patch_is_rfc_7386() -> None:
    """The examples of the RFC's appendix that maps can show."""
    assert merge_patch({"a": "b"}, {"a": "c"}) == {"a": "c"}
    assert merge_patch({"a": "b", "b": "c"}, {"a": None}) == {"b": "c"}
    assert merge_patch({"a": [{"b": "c"}]}, {"a": [1]}) == {"a": [1]}
    assert merge_patch({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}) == {"a": {"b": "d"}}
    assert merge_patch({"e": None}, {"a": 1}) == {"e": None, "a": 1}
    assert merge_patch({}, {"a": {"bb": {"ccc": None}}}) == {"a": {"bb": {}}}
    assert merge_patch(["a"], {"a": 1}) == {"a": 1}


def test_yaml_keeps_text_as_text() -> None:
    """A version that looks like a number, a word that looks like a truth value, and no aliases for what is shared."""
    shared = {"k": "1.30"}
    written = document({"a": shared, "b": shared, "no": "no", "text": "x\ny\n"})
    assert written == "a:\n  k: '1.30'\nb:\n  k: '1.30'\n'no': 'no'\ntext: |\n  x\n  y\n"


def test_containerd_configuration(pki: ClusterPki) -> None:
    """The sandbox image, the mirrors' folder and the cgroup driver; answers reach it."""

    def config(spec: ClusterSpec) -> dict[str, Any]:
        return tomllib.loads(files_of(spec, "w1", pki)[paths.CONTAINERD_CONFIG].content.decode())

    plugins = config(SPEC)["plugins"]
    assert plugins["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"] == "registry.example/pause:3"
    assert plugins["io.containerd.cri.v1.images"]["registry"]["config_path"] == paths.CONTAINERD_CERTS
    runtime = plugins["io.containerd.cri.v1.runtime"]
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is True
    assert runtime["restrict_oom_score_adj"] is False
    own = ContainerdOverrides(systemd_cgroup=False, restrict_oom_score_adj=True)
    runtime = config(replace(SPEC, components=Components(containerd=own)))["plugins"]["io.containerd.cri.v1.runtime"]
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False
    assert runtime["restrict_oom_score_adj"] is True


def test_a_mirror_is_asked_instead(pki: ClusterPki) -> None:
    """One file per registry; nothing falls back past the mirror, where an air-gapped pull would hang."""
    spec = replace(SPEC, images=Images(mirrors={"registry.k8s.io": Mirror(endpoint="http://192.0.2.1:5000/")}))
    file = files_of(spec, "w1", pki)[f"{paths.CONTAINERD_CERTS}/registry.k8s.io/hosts.toml"]
    assert tomllib.loads(file.content.decode()) == {
        "server": "http://192.0.2.1:5000",
        "capabilities": ["pull", "resolve"],
    }
    assert (file.mode, file.secret) == (0o644, False)


def test_a_mirror_with_a_path(pki: ClusterPki) -> None:
    """Where the path leads into the API, containerd puts nothing behind it; elsewhere it does what it always does."""
    for path, overridden in (("/v2/proxy", True), ("/a/v2/b", True), ("/v2", False), ("/proxy", False), ("", False)):
        mirror = Mirror(endpoint=f"https://harbor.example.com{path}")
        spec = replace(SPEC, images=Images(mirrors={"registry.k8s.io": mirror}))
        file = files_of(spec, "w1", pki)[f"{paths.CONTAINERD_CERTS}/registry.k8s.io/hosts.toml"]
        told = tomllib.loads(file.content.decode())
        assert told["server"] == mirror.endpoint
        assert told.get("override_path", False) is overridden, path


def test_the_sandbox_image_has_the_name_under_which_it_is_stored(pki: ClusterPki) -> None:
    """With a digest that is without the tag: under another name the runtime would neither find nor keep it."""
    digest = f"sha256:{'a' * 64}"
    named = replace(IMAGES, pause=f"registry.example:5000/pause:3@{digest}")
    config = files_of(SPEC, "w1", pki, images=named)[paths.CONTAINERD_CONFIG]
    images = tomllib.loads(config.content.decode())["plugins"]["io.containerd.cri.v1.images"]
    assert images["pinned_images"]["sandbox"] == f"registry.example:5000/pause@{digest}"


def test_a_mirror_with_a_login(pki: ClusterPki) -> None:
    """The header and the authority are the mirror's; what holds the password is a secret that only root reads."""
    mirror = Mirror(endpoint="https://192.0.2.1:5443", user="ops", password="env:X", ca_file="ca.pem")
    spec = replace(SPEC, images=Images(mirrors={"registry.k8s.io": mirror}))
    access = {"registry.k8s.io": MirrorAccess(authorization="Basic b3BzOng=", ca=b"an authority")}
    config, authority = containerd.mirrors(spec, access)[::-1]
    assert authority.content == b"an authority"
    assert tomllib.loads(config.content.decode()) == {
        "server": "https://192.0.2.1:5443",
        "capabilities": ["pull", "resolve"],
        "ca": authority.path,
        "header": {"Authorization": "Basic b3BzOng="},
    }
    assert (config.mode, config.secret) == (0o600, True)
    with pytest.raises(KeyError):  # never a file without the login that the answers name
        containerd.mirrors(spec, {})


def test_conflist(pki: ClusterPki) -> None:
    """The node's own range, the found MTU or the bridge's own, and no masquerade between pods."""

    def bridge(**changes: Any) -> dict[str, Any]:
        plugin: dict[str, Any] = json.loads(files_of(SPEC, "w1", pki, **changes)[paths.CNI_CONFLIST].content)[
            "plugins"
        ][0]
        return plugin

    assert bridge()["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}]]
    assert bridge()["mtu"] == 1450
    assert "mtu" not in bridge(mtu=0)
    assert bridge()["ipMasq"] is False
    assert bridge()["hairpinMode"] is True


def test_masquerade_can_be_left_out(pki: ClusterPki) -> None:
    """With `networking.masquerade: false` no rule, no unit and no drop-in is written."""
    spec = replace(SPEC, networking=Networking(masquerade=False, pod_subnet="10.100.0.0/16"))
    assert not set(files_of(spec, "w1", pki)) & {
        paths.FIREWALL_RULES,
        paths.unit_file(paths.FIREWALL_UNIT),
        paths.NFTABLES_DROPIN,
    }
    rules = files_of(SPEC, "w1", pki)[paths.FIREWALL_RULES].content.decode()
    assert "ip saddr != 10.244.0.0/16 return" in rules
    assert "flush ruleset" not in rules


def test_units_are_well_formed_and_start_at_boot(pki: ClusterPki) -> None:
    """Every unit has its sections, is wanted at boot, and gives up never or has nothing to retry."""
    for path, file in files_of(SPEC, "cp1", pki).items():
        if not path.startswith(paths.UNITS) or not path.endswith(".service"):
            continue
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(file.content.decode())
        assert parser["Install"]["WantedBy"] == "multi-user.target", path
        assert parser["Service"]["ExecStart"], path
        assert parser["Service"].get("Restart") == "always" or parser["Service"]["Type"] == "oneshot", path


def test_command_lines_survive_systemd() -> None:
    """What systemd would expand or split is quoted; plain flags stay readable."""
    assert units.command_line(("/bin/x", "--a=b")) == "/bin/x \\\n  --a=b"
    assert units.command_line(("--a=b c", "--p=50%", "--d=$X", '--q="')) == (
        '"--a=b c" \\\n  "--p=50%%" \\\n  "--d=$$X" \\\n  "--q=\\""'
    )


def systemd_words(line: str) -> list[str]:
    """The words of an ExecStart= as systemd splits it: quotes, escapes, %% and $$ (systemd.syntax(7))."""
    words = re.findall(r'"(?:[^"\\]|\\.)*"|[^\s"]+', line.replace("\\\n", " "))
    plain = [re.sub(r"\\(?:x(..)|(.))", lambda m: chr(int(m[1], 16)) if m[1] else m[2], word[1:-1]) for word in words]
    unquoted = [inner if word[0] == '"' else word for word, inner in zip(words, plain, strict=True)]
    return [word.replace("%%", "%").replace("$$", "$") for word in unquoted]


def test_no_value_ends_a_line_or_becomes_another_word() -> None:
    """A unit's command line has one line per word, whatever is in it, and systemd gets the same words."""
    chosen = random.Random(1)
    for _ in range(2000):
        words = ["--" + "".join(chosen.choices("a\r\n\t\x0b\x0c\x1b\x7f %$\"'\\\\;#=[é", k=6)) for _ in range(3)]
        line = units.command_line(words)
        assert len(line.splitlines()) == len(words), ascii(line)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", line)
        assert systemd_words(line) == words


def test_kernel_settings(pki: ClusterPki) -> None:
    """What is written at boot is what is checked."""
    files = files_of(SPEC, "w1", pki)
    lines = files[paths.SYSCTL_FILE].content.decode().splitlines()
    assert dict(line.split(" = ") for line in lines) == kernel.SYSCTLS
    assert files[paths.MODULES_FILE].content.decode().split() == list(kernel.MODULES)
    assert not set(kernel.SYSCTLS) & set(kernel.SELF_WRITTEN_SYSCTLS)
