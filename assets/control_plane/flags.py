"""The command lines of the control plane's components, with the answers' `extraArgs` merged in.

Flags as kubeadm 1.37 sets them, checked against the programs' own help; what differs is said where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping

from assets import paths
from assets.credentials.required import Leaf
from kinstall.cluster import ClusterSpec, Node, ports


def flags(own: Mapping[str, str], extra: Mapping[str, str]) -> tuple[str, ...]:
    """`--name=value`, sorted by name; `extra` overrides and adds, an empty value still writes `--name=`."""
    merged = {**own, **extra}
    return tuple(f"--{name}={merged[name]}" for name in sorted(merged))


def etcd(spec: ClusterSpec, node: Node) -> tuple[str, ...]:
    """One member of the cluster that all control planes form together when they first start."""
    client, peer = f"https://{node.internal_ip}:{ports.ETCD_CLIENT}", f"https://{node.internal_ip}:{ports.ETCD_PEER}"
    members = [f"{one.name}=https://{one.internal_ip}:{ports.ETCD_PEER}" for one in spec.control_planes]
    own = {
        "name": node.name,
        "data-dir": paths.ETCD_DATA,
        "listen-client-urls": f"https://127.0.0.1:{ports.ETCD_CLIENT},{client}",
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": ",".join(members),
        "initial-cluster-state": "new",
        "initial-cluster-token": spec.cluster_name,
        "cert-file": f"{paths.PKI}/{Leaf.ETCD_SERVER}.crt",
        "key-file": f"{paths.PKI}/{Leaf.ETCD_SERVER}.key",
        "trusted-ca-file": paths.ETCD_CA_CERT,
        "client-cert-auth": "true",
        "peer-cert-file": f"{paths.PKI}/{Leaf.ETCD_PEER}.crt",
        "peer-key-file": f"{paths.PKI}/{Leaf.ETCD_PEER}.key",
        "peer-trusted-ca-file": paths.ETCD_CA_CERT,
        "peer-client-cert-auth": "true",
        "listen-metrics-urls": f"http://127.0.0.1:{ports.ETCD_METRICS}",
        "snapshot-count": "10000",
        "watch-progress-notify-interval": "5s",
        "feature-gates": "InitialCorruptCheck=true",
    }
    return ("etcd", *flags(own, spec.components_of(node).etcd.extra_args))


def apiserver(spec: ClusterSpec, node: Node) -> tuple[str, ...]:
    own = {
        "advertise-address": node.internal_ip,
        "secure-port": str(ports.API_SERVER),
        "etcd-servers": f"https://127.0.0.1:{ports.ETCD_CLIENT}",
        "etcd-cafile": paths.ETCD_CA_CERT,
        "etcd-certfile": f"{paths.PKI}/{Leaf.APISERVER_ETCD_CLIENT}.crt",
        "etcd-keyfile": f"{paths.PKI}/{Leaf.APISERVER_ETCD_CLIENT}.key",
        "service-cluster-ip-range": spec.networking.service_subnet,
        "service-account-issuer": f"https://kubernetes.default.svc.{spec.networking.dns_domain}",
        "service-account-key-file": paths.SA_PUB,
        "service-account-signing-key-file": paths.SA_KEY,
        "client-ca-file": paths.CA_CERT,
        "tls-cert-file": f"{paths.PKI}/{Leaf.APISERVER}.crt",
        "tls-private-key-file": f"{paths.PKI}/{Leaf.APISERVER}.key",
        # The kubelets' serving certificates are signed by the cluster's authority, so they can be checked; kubeadm's
        # kubelets sign their own.
        "kubelet-certificate-authority": paths.CA_CERT,
        "kubelet-client-certificate": f"{paths.PKI}/{Leaf.APISERVER_KUBELET_CLIENT}.crt",
        "kubelet-client-key": f"{paths.PKI}/{Leaf.APISERVER_KUBELET_CLIENT}.key",
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "enable-bootstrap-token-auth": "true",
        "requestheader-client-ca-file": paths.FRONT_PROXY_CA_CERT,
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": f"{paths.PKI}/{Leaf.FRONT_PROXY_CLIENT}.crt",
        "proxy-client-key-file": f"{paths.PKI}/{Leaf.FRONT_PROXY_CLIENT}.key",
        # It ends within seconds of being told to. Otherwise open watches, which never end by themselves, keep it until
        # the kubelet kills it after half a minute, in which nobody is answered.
        "shutdown-send-retry-after": "true",
    }
    return ("kube-apiserver", *flags(own, spec.components_of(node).kube_apiserver.extra_args))


def controller_manager(spec: ClusterSpec, node: Node) -> tuple[str, ...]:
    own = {
        **_own_kubeconfig(paths.CONTROLLER_MANAGER_CONF),
        "client-ca-file": paths.CA_CERT,
        "requestheader-client-ca-file": paths.FRONT_PROXY_CA_CERT,
        "root-ca-file": paths.CA_CERT,
        "service-account-private-key-file": paths.SA_KEY,
        "cluster-signing-cert-file": paths.CA_CERT,
        "cluster-signing-key-file": paths.CA_KEY,
        "use-service-account-credentials": "true",
        "controllers": "*,bootstrapsigner,tokencleaner",
        "cluster-name": spec.cluster_name,
        "service-cluster-ip-range": spec.networking.service_subnet,
        "cluster-cidr": spec.networking.pod_subnet,
        **_pod_ranges(spec),
    }
    extra = spec.components_of(node).kube_controller_manager.extra_args
    return ("kube-controller-manager", *flags(own, extra))


def _pod_ranges(spec: ClusterSpec) -> dict[str, str]:
    # Where the ways between the nodes are planned, each node's pod range is too: set once, by kinstall. Were it
    # allocated here as well, the two would race. A network of somebody else's expects it to be allocated.
    if spec.networking.plans_ranges:
        return {"allocate-node-cidrs": "false"}
    return {"allocate-node-cidrs": "true", "node-cidr-mask-size": str(spec.networking.node_cidr_mask_size)}


def scheduler(spec: ClusterSpec, node: Node) -> tuple[str, ...]:
    own = _own_kubeconfig(paths.SCHEDULER_CONF)
    return ("kube-scheduler", *flags(own, spec.components_of(node).kube_scheduler.extra_args))


def _own_kubeconfig(path: str) -> dict[str, str]:
    return {
        "bind-address": "127.0.0.1",
        "leader-elect": "true",
        "kubeconfig": path,
        "authentication-kubeconfig": path,
        "authorization-kubeconfig": path,
    }
