"""What runs on every node: kernel settings, the kubelet, kube-proxy."""

from __future__ import annotations

from assets.node.kube_proxy import KUBE_PROXY
from assets.node.kubelet import KUBELET

DAEMONS = (KUBELET, KUBE_PROXY)
"""Kubernetes' own, in the order in which their files come onto a node."""
