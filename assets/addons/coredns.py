"""CoreDNS: the cluster's names."""

from __future__ import annotations

from typing import Any

from assets import paths
from assets.addons.shape import Addon, AddonInputs, Deployment
from assets.objects import Object
from kinstall.cluster import CONTROL_PLANE_TAINT, ClusterSpec

NAMESPACE = "kube-system"
_NAME = "coredns"
_REPLICAS = 2
_LABELS = {"k8s-app": "kube-dns"}
_RBAC = "rbac.authorization.k8s.io"


def _objects(spec: ClusterSpec, inputs: AddonInputs) -> tuple[Object, ...]:
    """All of CoreDNS. Without a name server on the hosts it serves the cluster's own names only: with nowhere to
    forward to it would not start."""
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata("coredns")},
        _role(),
        _role_binding(),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata("coredns"),
            "data": {"Corefile": corefile(spec.networking.dns_domain, inputs.has_resolver)},
        },
        _service(spec.networking.dns_service_ip),
        _deployment(inputs.images.coredns),
    )


def corefile(domain: str, has_resolver: bool) -> str:
    """CoreDNS's configuration. The cluster's own names are not cached: the kubernetes plugin answers from memory.

    `loop` looks for questions that come back through `forward`, and means nothing without it.
    """
    forward = "    forward . /etc/resolv.conf {\n        max_concurrent 1000\n    }\n" if has_resolver else ""
    loop = "    loop\n" if has_resolver else ""
    return (
        ".:53 {\n"
        "    errors\n"
        "    health {\n"
        "        lameduck 5s\n"
        "    }\n"
        "    ready\n"
        f"    kubernetes {domain} in-addr.arpa ip6.arpa {{\n"
        "        pods insecure\n"
        "        fallthrough in-addr.arpa ip6.arpa\n"
        "        ttl 30\n"
        "    }\n"
        "    prometheus :9153\n"
        f"{forward}"
        "    cache 30 {\n"
        f"        disable success {domain}\n"
        f"        disable denial {domain}\n"
        "    }\n"
        f"{loop}"
        "    reload\n"
        "    loadbalance\n"
        "}\n"
    )


def _metadata(name: str, **labels: str) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE, "labels": {**_LABELS, **labels}}


def _role() -> Object:
    verbs = ["list", "watch"]
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:coredns"},
        "rules": [
            {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": verbs},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": verbs},
        ],
    }


def _role_binding() -> Object:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "system:coredns"},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "system:coredns"},
        "subjects": [{"kind": "ServiceAccount", "name": "coredns", "namespace": NAMESPACE}],
    }


def _service(address: str) -> Object:
    def port(name: str, number: int, protocol: str) -> dict[str, Any]:
        return {"name": name, "port": number, "targetPort": number, "protocol": protocol}

    labels = {"kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            **_metadata("kube-dns", **labels),
            "annotations": {"prometheus.io/port": "9153", "prometheus.io/scrape": "true"},
        },
        "spec": {
            "clusterIP": address,
            "selector": _LABELS,
            "ports": [port("dns", 53, "UDP"), port("dns-tcp", 53, "TCP"), port("metrics", 9153, "TCP")],
        },
    }


def _deployment(image: str) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(_NAME),
        "spec": {
            "replicas": _REPLICAS,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "selector": {"matchLabels": _LABELS},
            "template": {"metadata": {"labels": _LABELS}, "spec": _pod(image)},
        },
    }


def _pod(image: str) -> dict[str, Any]:
    spread = {
        "weight": 100,
        "podAffinityTerm": {"labelSelector": {"matchLabels": _LABELS}, "topologyKey": "kubernetes.io/hostname"},
    }
    return {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": CONTROL_PLANE_TAINT.key, "effect": CONTROL_PLANE_TAINT.effect},
        ],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [spread]}},
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(image)],
        "volumes": [
            {"name": "config", "configMap": {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]}}
        ],
    }


def _container(image: str) -> dict[str, Any]:
    return {
        "name": _NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": {"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}},
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
        ],
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080},
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "failureThreshold": 5,
        },
        # Every second: with the default of 10 a kubelet that has just started waits up to that long before it asks,
        # and then up to that long again.
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1, "failureThreshold": 3},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }


ADDON = Addon(
    name="CoreDNS",
    file=f"{paths.CONF}/coredns.yaml",
    objects=_objects,
    images=lambda images: (images.coredns,),
    deployment=Deployment(_NAME, _REPLICAS, containers=(_NAME,)),
)
