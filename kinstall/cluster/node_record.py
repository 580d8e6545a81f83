"""A node's record of itself (cluster.json), read strictly: who has the node can write there what they like. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kinstall.cluster.nodes import CONTROL_PLANE, WORKER
from kinstall.cluster.subnets import is_address, parse_range

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """What `kinstall.cluster.immutable.identity` wrote there; "" for what is missing or has another form."""

    cluster: str = ""
    ca_fingerprint: str = ""
    role: str = ""
    address: str = ""
    pod_cidr: str = ""
    kubernetes_version: str = ""


def read_record(data: Mapping[str, Any]) -> NodeRecord:
    """The record in a node's cluster.json."""

    def text(key: str) -> str:
        value = data.get(key)
        return value if isinstance(value, str) else ""

    def matching(key: str, pattern: re.Pattern[str]) -> str:
        return text(key) if pattern.fullmatch(text(key)) else ""

    return NodeRecord(
        cluster=matching("cluster", _NAME),
        ca_fingerprint=matching("caFingerprint", _FINGERPRINT),
        role=text("role") if text("role") in (CONTROL_PLANE, WORKER) else "",
        address=text("address") if is_address(text("address")) else "",
        pod_cidr=text("podCIDR") if _is_range(text("podCIDR")) else "",
        kubernetes_version=matching("kubernetesVersion", _VERSION),
    )


def _is_range(text: str) -> bool:
    try:
        parse_range(text)
    except ValueError:
        return False
    return "/" in text
