"""The API server: one on every control plane, in front of that node's etcd."""

from __future__ import annotations

from assets import paths
from assets.api_endpoint import api_endpoint
from assets.control_plane.pod import PKI_MOUNT, Component, Probe, Probes, pems
from assets.credentials.pki import ClusterPki, Leaf, LeafRequest, Signer
from assets.flags import ADDRESS, FILE, SERVICES, Flag, refused
from kinstall.cluster import ClusterSpec, Node, ports
from kinstall.cluster.subnets import is_address

OWNED_FLAGS = {
    "advertise-address": ADDRESS,
    "secure-port": f"API servers always listen on {ports.API_SERVER}; controlPlaneEndpoint may have another port",
    "service-cluster-ip-range": SERVICES,
    "anonymous-auth": "the probes of the API server have no credentials and would fail: remove the flag",
    "token-auth-file": "a static token file is not supported yet; use client certificates or service accounts",
    "etcd-servers": "etcd runs on the control plane; an external one is not supported yet",
    **refused(FILE, "etcd-cafile", "etcd-certfile", "etcd-keyfile", "client-ca-file"),
    **refused(FILE, "tls-cert-file", "tls-private-key-file", "kubelet-certificate-authority"),
    **refused(FILE, "kubelet-client-certificate", "kubelet-client-key", "requestheader-client-ca-file"),
    **refused(FILE, "proxy-client-cert-file", "proxy-client-key-file"),
    **refused(FILE, "service-account-key-file", "service-account-signing-key-file"),
}


def flags(spec: ClusterSpec, node: Node) -> tuple[Flag, ...]:
    """As kubeadm 1.37 sets them, checked against the program's own help; what differs says why."""
    issuer = f"https://kubernetes.default.svc.{spec.networking.dns_domain}"
    aggregation = "extension API servers learn from it who asked"
    to_etcd, to_kubelets = Leaf.APISERVER_ETCD_CLIENT, Leaf.APISERVER_KUBELET_CLIENT
    return (
        Flag("advertise-address", node.internal_ip, "the endpoint of the service `kubernetes`"),
        Flag("secure-port", str(ports.API_SERVER), "the usual port, also where the shared endpoint has another one"),
        Flag("etcd-servers", f"https://127.0.0.1:{ports.ETCD_CLIENT}", "the node's own member: no other must be up"),
        Flag("etcd-cafile", paths.ETCD_CA_CERT, "who may sign etcd's certificate"),
        Flag("etcd-certfile", f"{paths.PKI}/{to_etcd}.crt", "etcd answers certificates only"),
        Flag("etcd-keyfile", f"{paths.PKI}/{to_etcd}.key", "etcd answers certificates only"),
        Flag("service-cluster-ip-range", spec.networking.service_subnet, "networking.serviceSubnet"),
        Flag("service-account-issuer", issuer, "the name in tokens; networking.dnsDomain is part of it"),
        Flag("service-account-key-file", paths.SA_PUB, "checks tokens of service accounts"),
        Flag("service-account-signing-key-file", paths.SA_KEY, "signs tokens of service accounts"),
        Flag("client-ca-file", paths.CA_CERT, "who may sign users' and nodes' certificates"),
        Flag("tls-cert-file", f"{paths.PKI}/{Leaf.APISERVER}.crt", "signed by the cluster's CA, not by itself"),
        Flag("tls-private-key-file", f"{paths.PKI}/{Leaf.APISERVER}.key", "signed by the cluster's CA, not by itself"),
        Flag(
            "kubelet-certificate-authority",
            paths.CA_CERT,
            "the kubelets' serving certificates are signed by the cluster's CA, so they can be checked; kubeadm's "
            "kubelets sign their own",
        ),
        Flag("kubelet-client-certificate", f"{paths.PKI}/{to_kubelets}.crt", "logs, exec and metrics of kubelets"),
        Flag("kubelet-client-key", f"{paths.PKI}/{to_kubelets}.key", "logs, exec and metrics of kubelets"),
        Flag(
            "kubelet-preferred-address-types",
            "InternalIP,ExternalIP,Hostname",
            "kubelets are reached by their addresses; nodes' names need not resolve",
        ),
        Flag("authorization-mode", "Node,RBAC", "a kubelet may read only what its own pods use"),
        _admission_plugins(spec),
        Flag("allow-privileged", "true", "network plugins and storage drivers run as privileged pods"),
        Flag("enable-bootstrap-token-auth", "true", "as kubeadm sets it"),
        Flag("requestheader-client-ca-file", paths.FRONT_PROXY_CA_CERT, aggregation),
        Flag("requestheader-allowed-names", "front-proxy-client", aggregation),
        Flag("requestheader-username-headers", "X-Remote-User", aggregation),
        Flag("requestheader-group-headers", "X-Remote-Group", aggregation),
        Flag("requestheader-extra-headers-prefix", "X-Remote-Extra-", aggregation),
        Flag("proxy-client-cert-file", f"{paths.PKI}/{Leaf.FRONT_PROXY_CLIENT}.crt", aggregation),
        Flag("proxy-client-key-file", f"{paths.PKI}/{Leaf.FRONT_PROXY_CLIENT}.key", aggregation),
        Flag(
            "shutdown-send-retry-after",
            "true",
            "it ends within seconds when asked to; open watches, which never end by themselves, would keep it until "
            "the kubelet kills it after half a minute, in which nobody is answered",
        ),
    )


def _admission_plugins(spec: ClusterSpec) -> Flag:
    name, because = "enable-admission-plugins", "a kubelet may change only its own Node and pods"
    if spec.security.mode == "https":
        return Flag(name, "NodeRestriction", because)
    # The packet filter keeps the gateway's port from that; this keeps whatever else travels without TLS.
    because += "; whoever may create a service may not have the packets of any address he likes"
    return Flag(name, "NodeRestriction,DenyServiceExternalIPs", because)


def certificates(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    def client(name: Leaf, common_name: str, signer: Signer) -> LeafRequest:
        return LeafRequest(name, node.name, common_name, client=True, signer=signer, path=f"{paths.PKI}/{name}")

    return (
        _serving(spec, node),
        client(Leaf.APISERVER_KUBELET_CLIENT, "kube-apiserver-kubelet-client", Signer.CLUSTER),
        client(Leaf.APISERVER_ETCD_CLIENT, "kube-apiserver-etcd-client", Signer.ETCD),
        client(Leaf.FRONT_PROXY_CLIENT, "front-proxy-client", Signer.FRONT_PROXY),
    )


def _serving(spec: ClusterSpec, node: Node) -> LeafRequest:
    domain = spec.networking.dns_domain
    given = (*api_endpoint(spec).certificate_names(spec), *spec.security.extra_sans)
    names = (
        node.name,
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{domain}",
        *(name for name in given if not is_address(name)),
    )
    addresses = (
        spec.networking.api_service_ip,
        node.internal_ip,
        node.address,
        "127.0.0.1",
        *(name for name in given if is_address(name)),
    )
    return LeafRequest(
        Leaf.APISERVER,
        node.name,
        "kube-apiserver",
        server=True,
        dns_names=tuple(dict.fromkeys(names)),
        addresses=tuple(dict.fromkeys(addresses)),
        path=f"{paths.PKI}/{Leaf.APISERVER}",
    )


def _probes(node: Node) -> Probes:
    live = Probe("/livez", node.internal_ip, ports.API_SERVER)
    return Probes(live=live, startup=live, ready=Probe("/readyz", node.internal_ip, ports.API_SERVER))


def _restarts_with(pki: ClusterPki, node: Node) -> tuple[bytes, ...]:
    leaves = (Leaf.APISERVER, Leaf.APISERVER_KUBELET_CLIENT, Leaf.APISERVER_ETCD_CLIENT, Leaf.FRONT_PROXY_CLIENT)
    return (*pems(pki, node, Signer, leaves), pki.service_accounts.public_pem)


API_SERVER = Component(
    name="kube-apiserver",
    key="kubeApiserver",
    image=lambda images: images.kube_apiserver,
    overrides=lambda components: components.kube_apiserver,
    flags=flags,
    owned_flags=OWNED_FLAGS,
    mounts=(PKI_MOUNT,),
    mounts_cas=True,
    requests={"cpu": "250m"},
    probes=_probes,
    ports=(ports.API_SERVER,),
    certificates=certificates,
    restarts_with=_restarts_with,
)
