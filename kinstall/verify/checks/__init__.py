"""Every check of the running cluster, a file each. `kinstall/verify/check.py` says what a check is."""

from __future__ import annotations

from kinstall.verify.check import Check, LookCheck, PodCheck
from kinstall.verify.checks import api_server, endpoint
from kinstall.verify.checks.check_pods import CHECK_PODS
from kinstall.verify.checks.clean_up import CLEAN_UP
from kinstall.verify.checks.cluster_ip import CLUSTER_IP
from kinstall.verify.checks.coredns import COREDNS
from kinstall.verify.checks.dns_inside import DNS_INSIDE
from kinstall.verify.checks.dns_outside import DNS_OUTSIDE
from kinstall.verify.checks.exec import EXEC
from kinstall.verify.checks.kube_proxy import KUBE_PROXY
from kinstall.verify.checks.logs import LOGS
from kinstall.verify.checks.node_port import NODE_PORT
from kinstall.verify.checks.node_ready import NODE_READY
from kinstall.verify.checks.pod_replaced import POD_REPLACED
from kinstall.verify.checks.pod_to_pod import POD_TO_POD
from kinstall.verify.checks.service_account import SERVICE_ACCOUNT
from kinstall.verify.checks.system_pods import SYSTEM_PODS

LOOK_CHECKS: tuple[LookCheck, ...] = (
    *(api_server.LIVEZ, api_server.READYZ, endpoint.LIVEZ, endpoint.READYZ),
    *(NODE_READY, KUBE_PROXY, SYSTEM_PODS, COREDNS),
)
POD_CHECKS: tuple[PodCheck, ...] = (
    *(POD_TO_POD, CLUSTER_IP, NODE_PORT, DNS_INSIDE, DNS_OUTSIDE),
    *(LOGS, EXEC, SERVICE_ACCOUNT),
)
CHECKS: tuple[Check, ...] = (*LOOK_CHECKS, CHECK_PODS, *POD_CHECKS, POD_REPLACED, CLEAN_UP)
"""In the order in which they are made and shown."""


def checks_of(*, full: bool) -> tuple[Check, ...]:
    """All, or those that a look makes."""
    return CHECKS if full else LOOK_CHECKS
