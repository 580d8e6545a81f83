"""The ports that a cluster uses on its nodes. https://kubernetes.io/docs/reference/networking/ports-and-protocols/"""

from __future__ import annotations

API_SERVER = 6443
"""Every API server's own port; the shared endpoint may have another one in front."""
GATEWAY = 8080
"""The plain-HTTP gateway of a control plane, in mode http."""
GATEWAY_HEALTH = 10261
"""Plain HTTP, on loopback only: for the gateway's probes."""

ETCD_CLIENT = 2379
ETCD_PEER = 2380
ETCD_METRICS = 2381
"""Plain HTTP, on loopback only: for the probes."""

CONTROLLER_MANAGER = 10257
SCHEDULER = 10259

KUBELET = 10250
KUBELET_HEALTH = 10248
KUBE_PROXY_HEALTH = 10256
KUBE_PROXY_METRICS = 10249

VXLAN = 8472
"""UDP. Linux's own default, older than IANA's 4789, and what firewalls of clusters are open for."""

NODE_PORTS = range(30000, 32768)
"""Services of type NodePort: the API server's default for --service-node-port-range."""
