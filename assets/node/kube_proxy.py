"""kube-proxy as a daemon of the host: its rules are there before any pod, also before the one that would run it."""

from __future__ import annotations

from typing import Any

from assets import paths, units
from assets.credentials.kubeconfigs import kube_proxy_conf
from assets.credentials.pki import Leaf, LeafRequest
from assets.flags import KUBECONFIG, NODE_NAME, PODS, Flag
from assets.node.daemon import Daemon
from assets.rendered import Rendered, text
from assets.yaml_writer import document
from kinstall.cluster import ClusterSpec, Node, ports

HEALTH_ADDRESS = f"0.0.0.0:{ports.KUBE_PROXY_HEALTH}"

OWNED_FLAGS = {
    "config": "set fields in components.kubeProxy.config instead: they are merged into kinstall's file",
    "hostname-override": NODE_NAME,
    "cluster-cidr": PODS,
    "proxy-mode": "set networking.proxyMode instead",
    "kubeconfig": KUBECONFIG,
}


def flags(node: Node) -> tuple[Flag, ...]:
    return (Flag("config", paths.KUBE_PROXY_CONFIG, "everything else is in the file"),)


def certificates(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    return (LeafRequest(Leaf.KUBE_PROXY, node.name, "system:kube-proxy", client=True),)


def kube_proxy_config(spec: ClusterSpec, node: Node) -> Rendered:
    """KubeProxyConfiguration with the answers' fields merged over it.

    https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/

    `bindAddress` is the node's address, but it is used only where the Node object has none: in 1.37 kube-proxy
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
                ("ExecStart", KUBE_PROXY.command_line(spec, node)),
                ("Restart", "always"),
                ("RestartSec", "1"),
                ("LimitNOFILE", "1048576"),
            ),
            "Install": (("WantedBy", "multi-user.target"),),
        },
    )


KUBE_PROXY = Daemon(
    name="kube-proxy",
    key="kubeProxy",
    unit=paths.KUBE_PROXY_UNIT,
    program=paths.KUBE_PROXY_BIN,
    overrides=lambda components: components.kube_proxy,
    flags=flags,
    owned_flags=OWNED_FLAGS,
    ports=(ports.KUBE_PROXY_HEALTH, ports.KUBE_PROXY_METRICS),
    certificates=certificates,
    kubeconfig=kube_proxy_conf,
    files=lambda spec, node, inputs: (kube_proxy_config(spec, node), kube_proxy_unit(spec, node)),
    restarts_with=(
        paths.unit_file(paths.KUBE_PROXY_UNIT),
        paths.KUBE_PROXY_CONFIG,
        paths.KUBE_PROXY_CONF,
        paths.KUBE_PROXY_BIN,
    ),
)
