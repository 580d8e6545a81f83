"""The kubelet: its configuration file and its unit."""

from __future__ import annotations

from typing import Any

from assets import paths, units
from assets.control_plane.flags import flags
from assets.credentials.required import Leaf
from assets.inputs import NodeInputs
from assets.rendered import Rendered, text
from assets.yaml_writer import document
from kinstall.cluster import ClusterSpec, Node, ports


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
        "tlsCertFile": f"{paths.PKI}/{Leaf.KUBELET_SERVING}.crt",
        "tlsPrivateKeyFile": f"{paths.PKI}/{Leaf.KUBELET_SERVING}.key",
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
    """The unit. Labels are not given here: the kubelet exits on node-role labels, so all are set on the Node object."""
    own = {
        "config": paths.KUBELET_CONFIG,
        "kubeconfig": paths.KUBELET_CONF,
        "hostname-override": node.name,
        "node-ip": node.internal_ip,
    }
    command = units.command_line((paths.KUBELET_BIN, *flags(own, spec.components_of(node).kubelet.extra_args)))
    # The kubelet prefers the certificate it rotated itself. Where ours was renewed after that (new authority, or a
    # node that slept past the rotated one's end), the newer file shall win.
    ours, rotated = f"{paths.PKI}/{Leaf.KUBELET_CLIENT}.crt", paths.KUBELET_CURRENT_CERT
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
                ("ExecStart", command),
                ("Restart", "always"),
                ("RestartSec", "2"),
            ),
            "Install": (("WantedBy", "multi-user.target"),),
        },
    )
