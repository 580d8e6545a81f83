"""The first objects of a cluster, once its API answers: who may do what, and what Node objects say."""

from __future__ import annotations

from typing import Any

from kinstall.cluster import ClusterSpec, Node

Object = dict[str, Any]

_RBAC = "rbac.authorization.k8s.io"


def bootstrap_objects() -> tuple[Object, ...]:
    """Role bindings that must be made with the super-admin kubeconfig: the first one gives admin.conf its rights.

    Their names are kubeadm's where it has the same ones.
    """
    rotation = "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient"
    return (
        _binding("kubeadm:cluster-admins", "cluster-admin", "Group", "kubeadm:cluster-admins"),
        _binding("kubeadm:node-autoapprove-certificate-rotation", rotation, "Group", "system:nodes"),
        # Logs, exec and metrics: the API server's own certificate at the kubelets.
        _binding("kinstall:kubelet-api-admin", "system:kubelet-api-admin", "User", "kube-apiserver-kubelet-client"),
    )


def node_labels(spec: ClusterSpec, node: Node) -> dict[str, str]:
    """The answers' labels and the role, which the kubelet may not set itself."""
    role = {"node-role.kubernetes.io/control-plane": ""} if node.is_control_plane else {}
    return {**spec.labels_of(node), **role}


def node_object(spec: ClusterSpec, node: Node, pod_cidr: str) -> Object:
    """The Node's labels and its pod range, where that is planned, to be applied on the server side.

    Taints are not here: the list belongs to many (the node controller, `kubectl cordon`), and applying it would take
    theirs away. The kubelet registers with the wanted ones; a step of the plan corrects them later.
    """
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": node_labels(spec, node)},
        **({"spec": {"podCIDR": pod_cidr, "podCIDRs": [pod_cidr]}} if pod_cidr else {}),
    }


def node_objects(spec: ClusterSpec, cidrs: dict[str, str]) -> tuple[Object, ...]:
    """`node_object` of all nodes; `cidrs`: node name → pod range, empty where none is planned."""
    return tuple(node_object(spec, node, cidrs[node.name]) for node in spec.nodes)


def taint_arguments(spec: ClusterSpec, node: Node) -> tuple[str, ...]:
    """The wanted taints as `kubectl taint node NAME --overwrite` takes them: `key=value:effect`."""
    return tuple(f"{taint.key}={taint.value}:{taint.effect}" for taint in spec.taints_of(node))


def _binding(name: str, role: str, kind: str, subject: str) -> Object:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": _RBAC, "kind": kind, "name": subject}],
    }
