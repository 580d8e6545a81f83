"""The cluster's Node objects, asked of a control plane's API and read strictly: a kubelet writes much of what they say.

Nothing of them becomes a word of a program. What has another form than it must have counts as not said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assets.kubectl import ADMIN, FIELD_MANAGER
from kinstall.cluster.subnets import is_address
from kinstall.plan.taints import taints_in
from kinstall.transport.channel import Channel

_PROGRAM = f"{ADMIN} --request-timeout=5s get nodes --show-managed-fields -o json 2>/dev/null\n"
_SECONDS = 30
_MOST = 64 << 20
"""Characters: a Node takes some 20,000, most of them for its images and managed fields."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_VERSION = re.compile(r"v(\d{1,4}\.\d{1,4}\.\d{1,4})([-+][A-Za-z0-9.+-]{1,64})?")
_TAINTS = "kinstall/taints"
"""The annotation of versions that kept no note on the control planes (`kinstall.plan.taints`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiNode:
    """A Node object. `address`: the internal one that it registered with; `version`: its kubelet's, as `1.36.1`; both
    are "" where it does not say so yet. `managed`: kinstall has applied it. `taints`: those that earlier versions noted
    there as kinstall's, which a kubelet could have changed."""

    name: str
    address: str = ""
    version: str = ""
    managed: bool = False
    taints: tuple[str, ...] = ()


def ask_api(channel: Channel) -> tuple[ApiNode, ...]:
    """The Nodes as the API of that control plane has them; none where it does not answer.

    Raises:
        TransportError: the connection to the control plane broke
    """
    lines: list[str] = []
    size = 0

    def on_line(line: str) -> None:
        nonlocal size
        size += len(line) + 1
        if size <= _MOST:
            lines.append(line)

    channel.execute(_PROGRAM, on_line=on_line, timeout=_SECONDS)
    return parse("\n".join(lines)) if size <= _MOST else ()


def parse(text: str) -> tuple[ApiNode, ...]:
    """The Nodes of a list as `kubectl get nodes -o json` prints it; none where the text is not one."""
    try:
        items = _dict(json.loads(text)).get("items")
    except (ValueError, RecursionError):
        return ()
    return tuple(_nodes(items if isinstance(items, list) else []))


def _nodes(items: list[Any]) -> Iterator[ApiNode]:
    for item in map(_dict, items):
        metadata, status = _dict(item.get("metadata")), _dict(item.get("status"))
        name, managed_fields = metadata.get("name"), metadata.get("managedFields")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            continue
        managers = managed_fields if isinstance(managed_fields, list) else []
        version = _VERSION.fullmatch(str(_dict(status.get("nodeInfo")).get("kubeletVersion")))
        yield ApiNode(
            name=name,
            address=_address(status.get("addresses")),
            version=version[1] if version else "",
            managed=any(_dict(each).get("manager") == FIELD_MANAGER for each in managers),
            taints=taints_in(str(_dict(metadata.get("annotations")).get(_TAINTS, ""))),
        )


def _address(addresses: Any) -> str:
    """Some have two; the first is the one that they registered with."""
    for each in map(_dict, addresses if isinstance(addresses, list) else []):
        address = each.get("address")
        if each.get("type") == "InternalIP":
            return address if isinstance(address, str) and is_address(address) else ""
    return ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
