"""The control plane's static pods: what every component's pod has in common. The commands are in `commands`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from assets import paths
from assets.control_plane import flags
from assets.credentials.required import ClusterPki, Leaf, Signer
from assets.inputs import NodeInputs
from assets.rendered import Rendered, text
from assets.yaml_writer import document
from kinstall.cluster import ClusterSpec, Node, ports

CA_FOLDERS = (
    "/etc/ssl/certs",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
)
"""Where distributions keep the certificate authorities of the world; /etc/ssl/certs links into the others."""

CERTIFICATES = "kinstall/certificates"
"""An annotation with the digest of the certificates a pod uses: a renewed one changes the manifest, and so the kubelet
starts the component anew; not all of them read their files again by themselves."""


@dataclass(frozen=True, slots=True)
class _Probe:
    path: str
    host: str
    port: int
    scheme: str = "HTTPS"

    def render(self, period: int, timeout: int, failures: int, delay: int = 0) -> dict[str, Any]:
        get = {"host": self.host, "path": self.path, "port": self.port, "scheme": self.scheme}
        probe: dict[str, Any] = {"httpGet": get}
        if delay:
            probe["initialDelaySeconds"] = delay
        return {**probe, "periodSeconds": period, "timeoutSeconds": timeout, "failureThreshold": failures}


@dataclass(frozen=True, slots=True)
class _Mount:
    name: str
    path: str
    kind: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class _Component:
    name: str
    image: str
    command: tuple[str, ...]
    mounts: tuple[_Mount, ...]
    requests: dict[str, str]
    live: _Probe
    startup: _Probe
    ready: _Probe | None
    certificates: tuple[bytes, ...]


def static_pods(spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> tuple[Rendered, ...]:
    """The manifests of one control-plane node."""
    components = (
        _etcd(spec, node, pki, inputs),
        _apiserver(spec, node, pki, inputs),
        _controller_manager(spec, node, pki, inputs),
        _scheduler(spec, node, pki, inputs),
    )
    return tuple(text(paths.manifest(one.name), document(_pod(one)), 0o600) for one in components)


def _etcd(spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> _Component:
    # A plain-HTTP listener on loopback for probes: the kubelet has no client certificate for the other one.
    ready = _Probe("/readyz", "127.0.0.1", ports.ETCD_METRICS, "HTTP")
    return _Component(
        name="etcd",
        image=inputs.images.etcd,
        command=flags.etcd(spec, node),
        mounts=(
            _Mount("etcd-certs", paths.ETCD_PKI, "Directory"),
            _Mount("etcd-data", paths.ETCD_DATA, "DirectoryOrCreate", read_only=False),
        ),
        requests={"cpu": "100m", "memory": "100Mi"},
        live=_Probe("/livez", "127.0.0.1", ports.ETCD_METRICS, "HTTP"),
        startup=ready,
        ready=ready,
        # Not its own certificates: etcd reads them anew for every handshake. Were it started anew together with the API
        # server, that one would find no etcd, end, and be held back by the kubelet for minutes.
        certificates=_used(pki, node, (Signer.ETCD,), ()),
    )


def _apiserver(spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> _Component:
    leaves = (
        Leaf.APISERVER,
        Leaf.APISERVER_KUBELET_CLIENT,
        Leaf.APISERVER_ETCD_CLIENT,
        Leaf.FRONT_PROXY_CLIENT,
    )
    return _Component(
        name="kube-apiserver",
        image=inputs.images.kube_apiserver,
        command=flags.apiserver(spec, node),
        mounts=(_Mount("k8s-certs", paths.PKI, "Directory"), *_ca_mounts(inputs)),
        requests={"cpu": "250m"},
        live=_Probe("/livez", node.internal_ip, ports.API_SERVER),
        startup=_Probe("/livez", node.internal_ip, ports.API_SERVER),
        ready=_Probe("/readyz", node.internal_ip, ports.API_SERVER),
        certificates=(*_used(pki, node, Signer, leaves), pki.service_accounts.public_pem),
    )


def _controller_manager(spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> _Component:
    health = _Probe("/healthz", "127.0.0.1", ports.CONTROLLER_MANAGER)
    signers = (Signer.CLUSTER, Signer.FRONT_PROXY)
    return _Component(
        name="kube-controller-manager",
        image=inputs.images.kube_controller_manager,
        command=flags.controller_manager(spec, node),
        mounts=(
            _Mount("k8s-certs", paths.PKI, "Directory"),
            _Mount("kubeconfig", paths.CONTROLLER_MANAGER_CONF, "File"),
            *_ca_mounts(inputs),
        ),
        requests={"cpu": "200m"},
        live=health,
        startup=health,
        ready=None,
        certificates=(
            *_used(pki, node, signers, (Leaf.CONTROLLER_MANAGER,)),
            pki.service_accounts.public_pem,
        ),
    )


def _scheduler(spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> _Component:
    return _Component(
        name="kube-scheduler",
        image=inputs.images.kube_scheduler,
        command=flags.scheduler(spec, node),
        mounts=(_Mount("kubeconfig", paths.SCHEDULER_CONF, "File"),),
        requests={"cpu": "100m"},
        live=_Probe("/livez", "127.0.0.1", ports.SCHEDULER),
        startup=_Probe("/livez", "127.0.0.1", ports.SCHEDULER),
        ready=_Probe("/readyz", "127.0.0.1", ports.SCHEDULER),
        certificates=_used(pki, node, (Signer.CLUSTER,), (Leaf.SCHEDULER,)),
    )


def _used(pki: ClusterPki, node: Node, signers: Iterable[Signer], leaves: Iterable[Leaf]) -> tuple[bytes, ...]:
    authorities = tuple(pki.authorities[signer].certificate_pem for signer in signers)
    return authorities + tuple(pki.leaf(leaf, node.name).certificate_pem for leaf in leaves)


def _ca_mounts(inputs: NodeInputs) -> tuple[_Mount, ...]:
    # Only what is there: a "…OrCreate" would leave empty folders behind on the host.
    return tuple(_Mount(folder[1:].replace("/", "-"), folder, "Directory") for folder in inputs.ca_folders)


def _pod(component: _Component) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": component.name,
        "image": component.image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(component.command),
        "resources": {"requests": component.requests},
        # The same four minutes to start as kubeadm gives, asked every 2 s instead of every 10: a kubelet that has just
        # started waits a random part of the period before its first probe.
        "startupProbe": component.startup.render(period=2, timeout=15, failures=120),
        "livenessProbe": component.live.render(period=10, timeout=15, failures=8, delay=10),
        **({"readinessProbe": component.ready.render(period=1, timeout=15, failures=3)} if component.ready else {}),
        "volumeMounts": [
            {"name": mount.name, "mountPath": mount.path, **({"readOnly": True} if mount.read_only else {})}
            for mount in component.mounts
        ],
    }
    digest = sha256(b"".join(component.certificates)).hexdigest()
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": component.name,
            "namespace": "kube-system",
            "labels": {"component": component.name, "tier": "control-plane"},
            "annotations": {CERTIFICATES: f"sha256:{digest}"},
        },
        "spec": {
            "hostNetwork": True,
            "priority": 2000001000,
            "priorityClassName": "system-node-critical",
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [
                {"name": mount.name, "hostPath": {"path": mount.path, "type": mount.kind}} for mount in component.mounts
            ],
        },
    }
