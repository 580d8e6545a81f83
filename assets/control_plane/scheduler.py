"""The scheduler: decides which node a pod runs on. One of them leads, on one of the control planes."""

from __future__ import annotations

from assets import paths
from assets.control_plane.pod import Component, Mount, Probe, Probes, pems
from assets.credentials.kubeconfigs import scheduler_conf
from assets.credentials.pki import ClusterPki, Leaf, LeafRequest, Signer
from assets.flags import KUBECONFIG, Flag, refused
from kinstall.cluster import ClusterSpec, Node, ports

OWNED_FLAGS = {
    "config": "files for the scheduler are not supported yet: remove the flag",
    **refused(KUBECONFIG, "kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"),
}


def flags(spec: ClusterSpec, node: Node) -> tuple[Flag, ...]:
    """As kubeadm 1.37 sets them."""
    kubeconfig = paths.SCHEDULER_CONF
    return (
        Flag("bind-address", "127.0.0.1", "only the node's own kubelet asks it"),
        Flag("leader-elect", "true", "one per control plane, and one of them works"),
        Flag("kubeconfig", kubeconfig, "it asks its own node's API server"),
        Flag("authentication-kubeconfig", kubeconfig, "who asks for its metrics is looked up in the API"),
        Flag("authorization-kubeconfig", kubeconfig, "who asks for its metrics is looked up in the API"),
    )


def certificates(spec: ClusterSpec, node: Node) -> tuple[LeafRequest, ...]:
    name = Leaf.SCHEDULER
    return (LeafRequest(name, node.name, f"system:kube-{name}", client=True),)


def _probes(node: Node) -> Probes:
    live = Probe("/livez", "127.0.0.1", ports.SCHEDULER)
    return Probes(live=live, startup=live, ready=Probe("/readyz", "127.0.0.1", ports.SCHEDULER))


def _restarts_with(pki: ClusterPki, node: Node) -> tuple[bytes, ...]:
    return pems(pki, node, (Signer.CLUSTER,), (Leaf.SCHEDULER,))


SCHEDULER = Component(
    name="kube-scheduler",
    key="kubeScheduler",
    image=lambda images: images.kube_scheduler,
    overrides=lambda components: components.kube_scheduler,
    flags=flags,
    owned_flags=OWNED_FLAGS,
    mounts=(Mount("kubeconfig", paths.SCHEDULER_CONF, "File"),),
    requests={"cpu": "100m"},
    probes=_probes,
    ports=(ports.SCHEDULER,),
    certificates=certificates,
    restarts_with=_restarts_with,
    files=lambda spec, node, pki: (scheduler_conf(spec, node, pki),),
)
