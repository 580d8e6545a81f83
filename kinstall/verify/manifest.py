"""The check's own objects: a namespace with a pod of the pod network and one of the host's network on every node."""

from __future__ import annotations

import json
import secrets
from typing import Any

from kinstall.cluster import ClusterSpec
from kinstall.cluster.release_files import image_refs

PREFIX = "kinstall-verify-"
SPREAD, HOST = "spread", "host"
CONTAINER = "agnhost"
PORT = 8080
SERVICE_PORT = 80
LOG_LINE = "Serving on port"
"""What agnhost's log begins with."""
NOBODY = 65534
WORKLOADS = (f"deployment/{SPREAD}", f"daemonset/{HOST}")

_OWN = {"app.kubernetes.io/managed-by": "kinstall", "app.kubernetes.io/component": "verify"}
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def new_namespace() -> str:
    """A name that no other verify of the same cluster has."""
    return PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(5))


def manifest(spec: ClusterSpec, namespace: str) -> bytes:
    """All objects as one JSON list, in the order in which they are created.

    agnhost: https://github.com/kubernetes/kubernetes/tree/master/test/images/agnhost. `serve-hostname` answers each
    request with the pod's name and does nothing else: whoever reaches a node reaches it through the NodePort. `pause`
    does nothing and takes no port of the host. Nothing runs as root or may become it; the account has no rights, and
    its token is only in the pods whose check it is. Pods of the host's network are why the namespace is privileged.
    """
    image = image_refs(spec).agnhost
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _meta(SPREAD, namespace),
        "automountServiceAccountToken": False,
    }
    listed = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": namespace,
                "labels": {**_OWN, "pod-security.kubernetes.io/enforce": "privileged"},
            },
        },
        # Not the default account: that appears some time after its namespace.
        account,
        _service(namespace),
        _deployment(namespace, image, len(spec.nodes)),
        _daemon_set(namespace, image),
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": listed}).encode()


def _meta(name: str, namespace: str) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "labels": {**_OWN, "app": name}}


def _service(namespace: str) -> dict[str, Any]:
    ports = [{"name": "http", "port": SERVICE_PORT, "targetPort": PORT}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(SPREAD, namespace),
        "spec": {"type": "NodePort", "selector": {"app": SPREAD}, "ports": ports},
    }


def _deployment(namespace: str, image: str, nodes: int) -> dict[str, Any]:
    container = {
        "args": ["serve-hostname", f"--port={PORT}"],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1, "timeoutSeconds": 3},
    }
    pod = _pod(image, container)
    pod["spec"]["automountServiceAccountToken"] = True  # whether the API accepts it is one of the checks
    pod["spec"]["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": SPREAD}},
        }
    ]
    return _workload("Deployment", SPREAD, namespace, pod, {"replicas": nodes})


def _daemon_set(namespace: str, image: str) -> dict[str, Any]:
    pod = _pod(image, {"args": ["pause"]})
    pod["spec"]["hostNetwork"] = True
    return _workload("DaemonSet", HOST, namespace, pod, {})


def _workload(kind: str, name: str, namespace: str, pod: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    pod["metadata"] = {"labels": {**_OWN, "app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": _meta(name, namespace),
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": pod, **more},
    }


def _pod(image: str, container: dict[str, Any]) -> dict[str, Any]:
    confined = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    own = {"name": CONTAINER, "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": confined}
    return {
        "spec": {
            "containers": [own | container],
            "serviceAccountName": SPREAD,
            "automountServiceAccountToken": False,
            # Every node takes part, whatever its taints: also a control plane, and one that is cordoned.
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 1,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": NOBODY,
                "runAsGroup": NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
    }
