"""etcd: the cluster's data. Each control plane runs a member; its API server talks to that one."""

from __future__ import annotations

from assets import paths
from assets.control_plane.pod import Component, Mount, Probe, Probes, pems
from assets.credentials.pki import ClusterPki, Leaf, LeafRequest, Signer
from assets.flags import ADDRESS, FILE, NODE_NAME, Flag, refused
from assets.rendered import Folder
from kinstall.cluster import ClusterSpec, Node, ports

_CERTIFICATE_ONLY = "etcd accepts only clients with a certificate: remove the flag"

OWNED_FLAGS = {
    "name": NODE_NAME,
    "data-dir": f"the data is always in {paths.ETCD_DATA}: remove the flag",
    "config-file": "with a configuration file etcd ignores all flags: remove it",
    **refused(ADDRESS, "listen-client-urls", "advertise-client-urls", "listen-peer-urls"),
    **refused(ADDRESS, "initial-advertise-peer-urls", "initial-cluster", "initial-cluster-state"),
    "initial-cluster-token": "set clusterName instead",
    "listen-metrics-urls": "the kubelet's probes use this address: remove the flag",
    **refused(FILE, "cert-file", "key-file", "trusted-ca-file"),
    **refused(FILE, "peer-cert-file", "peer-key-file", "peer-trusted-ca-file"),
    **refused(_CERTIFICATE_ONLY, "client-cert-auth", "peer-client-cert-auth"),
}


def flags(spec: ClusterSpec, node: Node) -> tuple[Flag, ...]:
    """One member of the cluster that all control planes form together when they first start."""
    client, peer = f"https://{node.internal_ip}:{ports.ETCD_CLIENT}", f"https://{node.internal_ip}:{ports.ETCD_PEER}"
    local = f"https://127.0.0.1:{ports.ETCD_CLIENT}"
    members = [f"{one.name}=https://{one.internal_ip}:{ports.ETCD_PEER}" for one in spec.control_planes]
    server, between = f"{paths.PKI}/{Leaf.ETCD_SERVER}", f"{paths.PKI}/{Leaf.ETCD_PEER}"
    checked = "nobody reads or writes the cluster's data without a certificate of etcd's CA"
    return (
        Flag("name", node.name, "a member has its node's name"),
        Flag("data-dir", paths.ETCD_DATA, "the default is a folder below the one it is started in"),
        Flag("listen-client-urls", f"{local},{client}", "the node's API server asks on loopback, tools from outside"),
        Flag("advertise-client-urls", client, "where the other members say that this one is reached"),
        Flag("listen-peer-urls", peer, "the other members connect here"),
        Flag("initial-advertise-peer-urls", peer, "where the other members find this one"),
        Flag("initial-cluster", ",".join(members), "all control planes start as one cluster"),
        Flag("initial-cluster-state", "new", "all control planes start as one cluster"),
        Flag("initial-cluster-token", spec.cluster_name, "members of two clusters never join one another"),
        Flag("cert-file", f"{server}.crt", "what it shows to clients"),
        Flag("key-file", f"{server}.key", "what it shows to clients"),
        Flag("trusted-ca-file", paths.ETCD_CA_CERT, "who may sign clients' certificates"),
        Flag("client-cert-auth", "true", checked),
        Flag("peer-cert-file", f"{between}.crt", "what it shows to other members"),
        Flag("peer-key-file", f"{between}.key", "what it shows to other members"),
        Flag("peer-trusted-ca-file", paths.ETCD_CA_CERT, "who may sign members' certificates"),
        Flag("peer-client-cert-auth", "true", checked),
        Flag(
            "listen-metrics-urls",
            f"http://127.0.0.1:{ports.ETCD_METRICS}",
            "plain HTTP on loopback for the probes: the kubelet has no client certificate for the other listeners",
        ),
        Flag("snapshot-count", "10000", "as kubeadm sets it; etcd's own default differs between releases"),
        Flag(
            "watch-progress-notify-interval",
            "5s",
            "as kubeadm sets it: consistent reads from the API server's cache",
        ),
        Flag("feature-gates", "InitialCorruptCheck=true", "a member with damaged data does not start serving it"),
    )


def certificates(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    def both_ways(name: Leaf) -> LeafRequest:
        return LeafRequest(
            name,
            node.name,
            node.name,
            server=True,
            client=True,
            dns_names=("localhost", node.name),
            addresses=(node.internal_ip, "127.0.0.1", "::1"),
            signer=Signer.ETCD,
            path=f"{paths.PKI}/{name}",
        )

    return (
        both_ways(Leaf.ETCD_SERVER),
        both_ways(Leaf.ETCD_PEER),
        LeafRequest(
            Leaf.ETCD_HEALTHCHECK_CLIENT,
            node.name,
            "kube-etcd-healthcheck-client",
            client=True,
            signer=Signer.ETCD,
            path=f"{paths.PKI}/{Leaf.ETCD_HEALTHCHECK_CLIENT}",
        ),
    )


def _probes(node: Node) -> Probes:
    ready = Probe("/readyz", "127.0.0.1", ports.ETCD_METRICS, "HTTP")
    return Probes(live=Probe("/livez", "127.0.0.1", ports.ETCD_METRICS, "HTTP"), startup=ready, ready=ready)


def _restarts_with(pki: ClusterPki, node: Node) -> tuple[bytes, ...]:
    # Not its own certificates: etcd reads them for every handshake. If it restarted together with the API server, the
    # API server would find no etcd, end, and be held back by the kubelet for minutes.
    return pems(pki, node, (Signer.ETCD,))


ETCD = Component(
    name="etcd",
    key="etcd",
    image=lambda images: images.etcd,
    overrides=lambda components: components.etcd,
    flags=flags,
    owned_flags=OWNED_FLAGS,
    mounts=(
        Mount("etcd-certs", paths.ETCD_PKI, "Directory"),
        Mount("etcd-data", paths.ETCD_DATA, "DirectoryOrCreate", read_only=False),
    ),
    requests={"cpu": "100m", "memory": "100Mi"},
    probes=_probes,
    ports=(ports.ETCD_CLIENT, ports.ETCD_PEER, ports.ETCD_METRICS),
    certificates=certificates,
    restarts_with=_restarts_with,
    folders=(Folder(paths.ETCD_PKI), Folder(paths.ETCD_DATA, 0o700, tree=True)),
)
