"""kube-proxy as a daemon of the host: its rules are there before any pod, also before the one that would run it."""

from __future__ import annotations

from typing import Any

from assets import paths, units
from assets.control_plane.flags import flags
from assets.rendered import Rendered, text
from assets.yaml_writer import document
from kinstall.cluster import ClusterSpec, Node, ports

HEALTH_ADDRESS = f"0.0.0.0:{ports.KUBE_PROXY_HEALTH}"


def kube_proxy_config(spec: ClusterSpec, node: Node) -> Rendered:
    """KubeProxyConfiguration with the answers' fields merged over it.

    https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/

    `bindAddress` names the node's address, but only stands in where the Node object has none: in 1.37 kube-proxy
    first asks the API for its Node, once a second for up to 30 s. Until the API answers it tries again after 0.8 s,
    1.6 s, 3.2 s … up to 30 s, so it is best started when the API is there.
    """
    config: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": node.internal_ip,
        "clientConnection": {"kubeconfig": paths.KUBE_PROXY_CONF},
        "clusterCIDR": spec.networking.pod_subnet,
        "healthzBindAddress": HEALTH_ADDRESS,
        "hostnameOverride": node.name,
        "metricsBindAddress": f"127.0.0.1:{ports.KUBE_PROXY_METRICS}",
        "mode": spec.networking.proxy_mode,
    }
    return text(paths.KUBE_PROXY_CONFIG, document(spec.components_of(node).kube_proxy.over(config)))


def kube_proxy_unit(spec: ClusterSpec, node: Node) -> Rendered:
    """The unit: it starts without an API server and without a Node object, and keeps trying."""
    own = {"config": paths.KUBE_PROXY_CONFIG}
    command = units.command_line((paths.KUBE_PROXY_BIN, *flags(own, spec.components_of(node).kube_proxy.extra_args)))
    return units.unit(
        paths.unit_file(paths.KUBE_PROXY_UNIT),
        {
            "Unit": (
                ("Description", "kube-proxy: the addresses of Kubernetes services"),
                ("Documentation", "https://kubernetes.io/docs/"),
                ("Wants", "network-online.target"),
                ("After", "network-online.target nftables.service"),
                ("StartLimitIntervalSec", "0"),
            ),
            "Service": (
                ("ExecStart", command),
                ("Restart", "always"),
                ("RestartSec", "1"),
                ("LimitNOFILE", "1048576"),
            ),
            "Install": (("WantedBy", "multi-user.target"),),
        },
    )
