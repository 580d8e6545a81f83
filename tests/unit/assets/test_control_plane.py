"""Static pods, their command lines, and kubeconfigs."""

from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets import paths
from assets.credentials.pki import ClusterPki, Leaf, Signer
from kinstall.cluster import CONTROL_PLANE, ClusterSpec, ComponentOverrides, Components, Node
from kinstall.facts.model import CA_FOLDERS
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.store import ensure_pki
from tests.unit.assets.cluster import NOW, SPEC, files_of, loaded, pki_in

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> ClusterPki:
    return pki_in(tmp_path_factory.mktemp("state"))


def pod(spec: ClusterSpec, pki: ClusterPki, component: str, **changes: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = loaded(files_of(spec, "cp1", pki, **changes)[paths.manifest(component)])
    return manifest


def command(spec: ClusterSpec, pki: ClusterPki, component: str) -> list[str]:
    words: list[str] = pod(spec, pki, component)["spec"]["containers"][0]["command"]
    return words


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_file_a_command_names_is_there_and_mounted(pki: ClusterPki, component: str) -> None:
    """A path on a command line is rendered for the node and visible in the container."""
    files = files_of(SPEC, "cp1", pki)
    spec = pod(SPEC, pki, component)["spec"]
    mounts = [mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]]
    named = [word.partition("=")[2] for word in command(SPEC, pki, component) if "=/etc/" in word]
    assert named
    for path in named:
        assert path in files, path
        assert any(path == mount or path.startswith(f"{mount}/") for mount in mounts), path
    assert {volume["hostPath"]["path"] for volume in spec["volumes"]} == set(mounts)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_static_pod_runs_as_the_node_itself(pki: ClusterPki, component: str) -> None:
    """On the host's network, never evicted, with no reference to an API object; its manifest is for root alone."""
    file = files_of(SPEC, "cp1", pki)[paths.manifest(component)]
    manifest = loaded(file)
    assert file.mode == 0o600
    assert manifest["metadata"]["namespace"] == "kube-system"
    assert manifest["metadata"]["labels"] == {"component": component, "tier": "control-plane"}
    assert manifest["spec"]["hostNetwork"] is True
    assert manifest["spec"]["priorityClassName"] == "system-node-critical"
    assert manifest["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all(set(volume) == {"name", "hostPath"} for volume in manifest["spec"]["volumes"])


def test_probes_ask_where_the_component_listens(pki: ClusterPki) -> None:
    """The API server on the node's address; what listens on loopback there; etcd in plain HTTP."""
    asked = {}
    for component in COMPONENTS:
        container = pod(SPEC, pki, component)["spec"]["containers"][0]
        for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
            get = container.get(kind, {}).get("httpGet")
            asked[component, kind] = get and (get["scheme"], get["host"], get["port"], get["path"])
    assert asked["kube-apiserver", "readinessProbe"] == ("HTTPS", "192.0.2.11", 6443, "/readyz")
    assert asked["kube-apiserver", "livenessProbe"] == ("HTTPS", "192.0.2.11", 6443, "/livez")
    assert asked["kube-controller-manager", "livenessProbe"] == ("HTTPS", "127.0.0.1", 10257, "/healthz")
    assert asked["kube-controller-manager", "readinessProbe"] is None
    assert asked["kube-scheduler", "readinessProbe"] == ("HTTPS", "127.0.0.1", 10259, "/readyz")
    assert asked["etcd", "startupProbe"] == ("HTTP", "127.0.0.1", 2381, "/readyz")


def test_only_authority_folders_that_exist_are_mounted(pki: ClusterPki) -> None:
    """The kubelet makes no folder on the host: what preflight did not find is not mounted."""

    def folders(*present: str) -> set[str]:
        volumes = pod(SPEC, pki, "kube-apiserver", ca_folders=present)["spec"]["volumes"]
        return {volume["hostPath"]["path"] for volume in volumes} & set(CA_FOLDERS)

    assert folders() == set()
    assert folders("/etc/ssl/certs", "/etc/pki/ca-trust") == {"/etc/ssl/certs", "/etc/pki/ca-trust"}
    for component in COMPONENTS:
        for volume in pod(SPEC, pki, component, ca_folders=CA_FOLDERS)["spec"]["volumes"]:
            created = volume["hostPath"]["type"].endswith("OrCreate")
            assert created == (volume["hostPath"]["path"] == paths.ETCD_DATA)


def test_no_private_keys_of_the_host_are_mounted() -> None:
    """RHEL keeps them in /etc/pki beside the authorities, Debian in /etc/ssl."""
    for keys in ("/etc/pki/tls/private", "/etc/pki/nssdb", "/etc/pki/rpm-gpg", "/etc/ssl/private"):
        assert [folder for folder in CA_FOLDERS if f"{keys}/".startswith(f"{folder}/")] == []


def test_extra_args_reach_their_component_only(pki: ClusterPki) -> None:
    """`components.kubeApiserver.extraArgs` changes one manifest."""
    extra = ComponentOverrides(extra_args={"profiling": "false", "secure-port": "7443"})
    spec = replace(SPEC, components=Components(kube_apiserver=extra))
    words = command(spec, pki, "kube-apiserver")
    assert "--profiling=false" in words
    assert [word for word in words if word.startswith("--secure-port")] == ["--secure-port=7443"]
    for component in ("etcd", "kube-controller-manager", "kube-scheduler"):
        assert command(spec, pki, component) == command(SPEC, pki, component)


def test_pod_ranges_are_planned_not_allocated(pki: ClusterPki) -> None:
    """The routes follow from planned ranges, so the controller manager must not hand out others."""
    assert "--allocate-node-cidrs=false" in command(SPEC, pki, "kube-controller-manager")


def test_etcd_members_name_one_another(tmp_path: Path) -> None:
    """With three control planes every member starts with the same list of all, and its own name and address."""
    nodes = tuple(Node(name=f"cp{i}", address=f"192.0.2.{i}", role=CONTROL_PLANE) for i in (1, 2, 3))
    spec = replace(SPEC, nodes=nodes)
    pki = pki_in(tmp_path, spec)
    words = command(spec, pki, "etcd")
    members = "cp1=https://192.0.2.1:2380,cp2=https://192.0.2.2:2380,cp3=https://192.0.2.3:2380"
    assert f"--initial-cluster={members}" in words
    assert "--name=cp1" in words
    assert "--listen-client-urls=https://127.0.0.1:2379,https://192.0.2.1:2379" in words


def test_a_renewed_certificate_restarts_what_uses_it(tmp_path: Path) -> None:
    """Components that read a certificate once see a changed manifest; etcd, which reads its own for every handshake,
    goes on. The same PKI gives the same manifests."""
    spec = replace(SPEC, nodes=SPEC.nodes[:1])
    old = ensure_pki(spec, PkiFolder(tmp_path), NOW, create_cas=True)
    new = ensure_pki(spec, PkiFolder(tmp_path), NOW + timedelta(days=300), create_cas=False)
    leaves = {**old.leaves, ("cp1", Leaf.SCHEDULER): new.leaf(Leaf.SCHEDULER, "cp1")}
    only_scheduler = replace(old, leaves=leaves)
    changed = [name for name in COMPONENTS if pod(spec, old, name) != pod(spec, only_scheduler, name)]
    assert changed == ["kube-scheduler"]
    assert [name for name in COMPONENTS if pod(spec, old, name) != pod(spec, new, name)] == list(COMPONENTS[1:])
    other = ensure_pki(spec, PkiFolder(tmp_path / "other"), NOW, create_cas=True)
    authorities = replace(old, authorities={**old.authorities, Signer.ETCD: other.authorities[Signer.ETCD]})
    assert pod(spec, old, "etcd") != pod(spec, authorities, "etcd")
    assert files_of(spec, "cp1", old) == files_of(spec, "cp1", old)


def test_who_talks_to_which_api_server(pki: ClusterPki) -> None:
    """A control plane's own components to their own API server; everybody else to the shared endpoint."""
    spec = replace(SPEC, control_plane_endpoint="api.example.org:8443")

    def server(node: str, path: str) -> str:
        return str(loaded(files_of(spec, node, pki)[path])["clusters"][0]["cluster"]["server"])

    for path in (paths.CONTROLLER_MANAGER_CONF, paths.SCHEDULER_CONF, paths.KUBELET_CONF):
        assert server("cp1", path) == "https://192.0.2.11:6443"
    for node, path in (("cp1", paths.ADMIN_CONF), ("cp1", paths.KUBE_PROXY_CONF), ("w1", paths.KUBELET_CONF)):
        assert server(node, path) == "https://api.example.org:8443"


def test_admin_conf(pki: ClusterPki) -> None:
    """The context is named as kubeadm names it, and the embedded pair is the operator's."""
    config = loaded(files_of(SPEC, "cp1", pki)[paths.ADMIN_CONF])
    assert config["current-context"] == "kubernetes-admin@demo" == config["contexts"][0]["name"]
    user = config["users"][0]["user"]
    assert b64decode(user["client-certificate-data"]) == pki.leaf(Leaf.ADMIN).certificate_pem
    assert b64decode(user["client-key-data"]) == pki.leaf(Leaf.ADMIN).key_pem
    assert b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]) == pki.ca.certificate_pem


def test_the_kubelets_certificate_is_a_file(pki: ClusterPki) -> None:
    """An embedded one would make the kubelet ask for another at its first start and drop its connections."""
    files = files_of(SPEC, "w1", pki)
    user = loaded(files[paths.KUBELET_CONF])["users"][0]["user"]
    assert set(user) == {"client-certificate", "client-key"}
    assert files[user["client-certificate"]].content == pki.leaf(Leaf.KUBELET_CLIENT, "w1").certificate_pem
    assert files[user["client-key"]].content == pki.leaf(Leaf.KUBELET_CLIENT, "w1").key_pem
