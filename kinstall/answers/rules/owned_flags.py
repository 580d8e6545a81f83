"""Flags that follow from other answers or from where kinstall puts its files: component → flag → what to do instead.

Everything else can be overridden, fields of the kubelet's and kube-proxy's configuration without exception.
"""

from __future__ import annotations

from collections.abc import Mapping

_FILES = "the file is kinstall's own; leave it out"
_ENDPOINT = "controlPlaneEndpoint decides"
_ADDRESS = "the node's nodeIP or address decides"
_SERVICES = "networking.serviceSubnet decides"
_PODS = "networking.podSubnet and nodeCIDRMaskSize decide"
_KUBECONFIG = "the kubeconfig is kinstall's own; leave it out"


def _all(remedy: str, *flags: str) -> dict[str, str]:
    return dict.fromkeys(flags, remedy)


OWNED: Mapping[str, Mapping[str, str]] = {
    "kubeApiserver": {
        "advertise-address": _ADDRESS,
        "secure-port": _ENDPOINT,
        "service-cluster-ip-range": _SERVICES,
        "anonymous-auth": "the API server's own probes come without credentials and would fail",
        "token-auth-file": "a static token file is not supported yet; use client certificates or service accounts",
        "etcd-servers": "etcd runs on the control plane; an external one is not supported yet",
        **_all(_FILES, "etcd-cafile", "etcd-certfile", "etcd-keyfile", "client-ca-file"),
        **_all(_FILES, "tls-cert-file", "tls-private-key-file", "kubelet-certificate-authority"),
        **_all(_FILES, "kubelet-client-certificate", "kubelet-client-key", "requestheader-client-ca-file"),
        **_all(_FILES, "proxy-client-cert-file", "proxy-client-key-file"),
        **_all(_FILES, "service-account-key-file", "service-account-signing-key-file"),
    },
    "kubeControllerManager": {
        "cluster-name": "clusterName decides",
        "service-cluster-ip-range": _SERVICES,
        **_all(_PODS, "cluster-cidr", "node-cidr-mask-size", "allocate-node-cidrs"),
        **_all(_KUBECONFIG, "kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"),
        **_all(_FILES, "root-ca-file", "service-account-private-key-file", "client-ca-file"),
        **_all(_FILES, "cluster-signing-cert-file", "cluster-signing-key-file", "requestheader-client-ca-file"),
    },
    "kubeScheduler": {
        "config": "kinstall places no such file; leave it out",
        **_all(_KUBECONFIG, "kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"),
    },
    "etcd": {
        "name": "the node's name decides",
        "data-dir": "kinstall's own: /var/lib/etcd",
        "config-file": "with it etcd ignores every flag; leave it out",
        **_all(_ADDRESS, "listen-client-urls", "advertise-client-urls", "listen-peer-urls"),
        **_all(_ADDRESS, "initial-advertise-peer-urls", "initial-cluster", "initial-cluster-state"),
        "initial-cluster-token": "clusterName decides",
        "listen-metrics-urls": "the probes ask there; leave it out",
        **_all(_FILES, "cert-file", "key-file", "trusted-ca-file"),
        **_all(_FILES, "peer-cert-file", "peer-key-file", "peer-trusted-ca-file"),
        **_all("etcd is only reached with a certificate", "client-cert-auth", "peer-client-cert-auth"),
    },
    "kubelet": {
        "config": "components.kubelet.config is merged into kinstall's own file",
        "hostname-override": "the node's name decides",
        "node-ip": _ADDRESS,
        "node-labels": "nodes[].labels decides",
        "register-with-taints": "nodes[].taints decides",
        "container-runtime-endpoint": "containerd's socket is the only one; leave it out",
        **_all(_KUBECONFIG, "kubeconfig", "bootstrap-kubeconfig"),
    },
    "kubeProxy": {
        "config": "components.kubeProxy.config is merged into kinstall's own file",
        "hostname-override": "the node's name decides",
        "cluster-cidr": _PODS,
        "proxy-mode": "networking.proxyMode decides",
        "kubeconfig": _KUBECONFIG,
    },
}
