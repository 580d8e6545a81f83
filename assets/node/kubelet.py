"""The kubelet: runs the node's pods, the control plane's among them."""

from __future__ import annotations

from typing import Any

from assets import paths, units
from assets.credentials.kubeconfigs import kubelet_conf
from assets.credentials.pki import Leaf, LeafRequest
from assets.flags import ADDRESS, KUBECONFIG, NODE_NAME, Flag, refused
from assets.inputs import NodeInputs
from assets.node.daemon import Daemon
from assets.rendered import Rendered, text
from assets.yaml_writer import document
from kinstall.cluster import ClusterSpec, Node, ports

_SERVING, _CLIENT = f"{paths.PKI}/{Leaf.KUBELET_SERVING}", f"{paths.PKI}/{Leaf.KUBELET_CLIENT}"

OWNED_FLAGS = {
    "config": "set fields in components.kubelet.config instead: they are merged into kinstall's file",
    "hostname-override": NODE_NAME,
    "node-ip": ADDRESS,
    "node-labels": "set nodes[].labels instead",
    "register-with-taints": "set nodes[].taints instead",
    "root-dir": f"the kubelet's folder is always {paths.KUBELET_DIR}; to use another disk, mount it there",
    "cert-dir": f"the kubelet's folder is always {paths.KUBELET_DIR}: remove the flag",
    "container-runtime-endpoint": "the kubelet always uses containerd's socket: remove the flag",
    **refused(KUBECONFIG, "kubeconfig", "bootstrap-kubeconfig"),
}


def flags(node: Node) -> tuple[Flag, ...]:
    """What its configuration file cannot say. Labels are not here: the kubelet exits on those of roles, so all are set
    on the Node object."""
    return (
        Flag("config", paths.KUBELET_CONFIG, "everything else is in the file"),
        Flag("kubeconfig", paths.KUBELET_CONF, "without one it would run without a cluster"),
        Flag("hostname-override", node.name, "the Node object is named as in the answers, whatever the host is called"),
        Flag("node-ip", node.internal_ip, "a node may have several addresses: nodeIP or address in the answers"),
    )


def certificates(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    user = f"system:node:{node.name}"
    return (
        LeafRequest(
            Leaf.KUBELET_SERVING,
            node.name,
            user,
            "system:nodes",
            server=True,
            dns_names=(node.name,),
            addresses=(node.internal_ip,),
            path=_SERVING,
        ),
        LeafRequest(Leaf.KUBELET_CLIENT, node.name, user, "system:nodes", client=True, path=_CLIENT),
    )


def kubelet_config(spec: ClusterSpec, node: Node, inputs: NodeInputs) -> Rendered:
    """KubeletConfiguration with the answers' fields merged over it.

    https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
    """
    config: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True, "cacheTTL": "2m0s"},
            "x509": {"clientCAFile": paths.CA_CERT},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "systemd",
        "clusterDNS": [spec.networking.dns_service_ip],
        "clusterDomain": spec.networking.dns_domain,
        "containerRuntimeEndpoint": f"unix://{paths.CONTAINERD_SOCKET}",
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 5,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": ports.KUBELET_HEALTH,
        "readOnlyPort": 0,
        "resolvConf": inputs.resolv_conf,
        "rotateCertificates": True,
        # Several images at once: what is not there yet when pods come does not queue behind the largest.
        "serializeImagePulls": False,
        "maxParallelImagePulls": 4,
        "staticPodPath": paths.MANIFESTS,
        "tlsCertFile": f"{_SERVING}.crt",
        "tlsPrivateKeyFile": f"{_SERVING}.key",
        # The default, /usr/libexec/kubernetes, would be made by the kubelet and stay behind.
        "volumePluginDir": paths.VOLUME_PLUGINS,
    }
    if node.is_control_plane:
        # The kubelet shows static pods in the API only when it looks at them again: before the API was there it could
        # not, and the default is once a minute.
        config["syncFrequency"] = "10s"
    taints = [
        {"key": taint.key, **({"value": taint.value} if taint.value else {}), "effect": taint.effect}
        for taint in spec.taints_of(node)
    ]
    if taints:
        config["registerWithTaints"] = taints
    return text(paths.KUBELET_CONFIG, document(spec.components_of(node).kubelet.over(config)))


def kubelet_unit(spec: ClusterSpec, node: Node) -> Rendered:
    # The kubelet prefers the certificate that it rotated itself. Where ours was renewed after that (a new CA, or a node
    # that was off past the end of the rotated one), the newer file must win.
    ours, rotated = f"{_CLIENT}.crt", paths.KUBELET_CURRENT_CERT
    return units.unit(
        paths.unit_file(paths.KUBELET_UNIT),
        {
            "Unit": (
                ("Description", "kubelet: the Kubernetes node agent"),
                ("Documentation", "https://kubernetes.io/docs/"),
                ("Wants", "network-online.target"),
                ("After", f"network-online.target {paths.CONTAINERD_UNIT}"),
                # Requires would stop the kubelet with every restart of containerd; it waits for the socket by itself.
                ("Wants", paths.CONTAINERD_UNIT),
                ("StartLimitIntervalSec", "0"),
            ),
            "Service": (
                ("ExecStartPre", f"/bin/sh -c 'if [ {ours} -nt {rotated} ]; then rm -f {rotated}; fi'"),
                ("ExecStart", KUBELET.command_line(spec, node)),
                ("Restart", "always"),
                ("RestartSec", "2"),
            ),
            "Install": (("WantedBy", "multi-user.target"),),
        },
    )


KUBELET = Daemon(
    name="kubelet",
    key="kubelet",
    unit=paths.KUBELET_UNIT,
    program=paths.KUBELET_BIN,
    overrides=lambda components: components.kubelet,
    flags=flags,
    owned_flags=OWNED_FLAGS,
    ports=(ports.KUBELET, ports.KUBELET_HEALTH),
    certificates=certificates,
    kubeconfig=kubelet_conf,
    files=lambda spec, node, inputs: (kubelet_config(spec, node, inputs), kubelet_unit(spec, node)),
    restarts_with=(
        paths.unit_file(paths.KUBELET_UNIT),
        paths.KUBELET_CONFIG,
        paths.KUBELET_CONF,
        paths.CA_CERT,
        *(f"{pair}.{half}" for pair in (_CLIENT, _SERVING) for half in ("crt", "key")),
        paths.KUBELET_BIN,
    ),
)
