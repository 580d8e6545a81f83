"""What Kubernetes' own programs leave on a node beyond the files that kinstall puts there, and how it is taken away.

sh code for the `undo` of steps (the `.sh` files here): each runs after its unit was stopped, succeeds on a node where
nothing is left, and touches only what the kubelet, kube-proxy, the container runtime or a CNI plugin of this cluster
made. What it unmounts and removes goes through the functions of `kinstall/engine/remove.sh`, with which every undo
begins.

Records of earlier versions have code of their own, which unmounts lazily and removes through mounts: `renewed` puts
today's in its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from shlex import quote
from typing import NamedTuple

from assets import paths
from kinstall.engine.diff import STATE
from kinstall.engine.record import Entry, Kind
from kinstall.engine.shell_functions import functions

SAVED = f"{STATE}/saved"
"""The folder of what was there before."""

BEFORE = "what was there before"
NETWORK = "what the pod network finds"
"""Names of scripts, by which records are known."""

_CNI_FOLDERS = "/etc/cni/net.d /opt/cni/bin"

# The daemons' units want the network to be online, and so start what waits for it.
_ONLINE_UNITS = "network-online.target systemd-networkd-wait-online.service NetworkManager-wait-online.service"


def _program(*names: str, **variables: str) -> str:
    """These files, one after the other, with the variables that they need set first."""
    values = "".join(f"{name}={quote(value)}\n" for name, value in variables.items())
    return values + "".join(functions(name, __name__) for name in names)


KUBE_PROXY = _program("chains", "kube_proxy")
KUBELET = _program("kubelet")
CONTAINERD = _program("containerd")
RESTORE = _program("chains", "restore", SAVED=SAVED, ONLINE_UNITS=_ONLINE_UNITS)
"""Undo of `save`."""


def save(sysctls: Sequence[str]) -> str:
    """Remember the sysctls and the packet filter's tables as they were before anything was started."""
    return _program("save", SAVED=SAVED, SYSCTLS=" ".join(sysctls), ONLINE_UNITS=_ONLINE_UNITS)


class Look(NamedTuple):
    """sh code that tests whether a node was looked at already, and that looks."""

    check: str
    run: str


def look_before_network(host_paths: Sequence[str]) -> Look:
    """Remember what is there before a third-party pod network comes, whose pods mount these paths."""
    arguments = " ".join(("set --", *map(quote, host_paths))) + "\n"
    return Look(
        arguments + _program("network_seen", SAVED=SAVED),
        arguments + _program("network_look", SAVED=SAVED, CNI_FOLDERS=_CNI_FOLDERS),
    )


def network_gone(pods: str) -> str:
    """Take away what a third-party pod network left; `pods` (CIDR) is the pods' range."""
    return _program("chains", "network_gone", SAVED=SAVED, CNI_FOLDERS=_CNI_FOLDERS, PODS=pods)


_PODS = re.compile(r"^(?:PODS=|ip -4 route flush root )(\d[\d./]*)(?: 2>/dev/null \|\| :)?$", re.MULTILINE)
"""The pods' range in the code of this version, and of the first one."""


def renewed(entry: Entry) -> Entry:
    """The entry with what this version undoes it with, where an earlier version recorded code that takes folders or
    mounts away: the same is taken away, and nothing through a mount or a link."""
    if entry.key == (Kind.SCRIPT, NETWORK):
        pods = _PODS.search(entry.undo)
        return replace(entry, undo=network_gone(pods[1])) if pods else entry
    return replace(entry, undo=_UNDO.get(entry.key, entry.undo))


_UNDO = {
    (Kind.UNIT, paths.KUBELET_UNIT): KUBELET,
    (Kind.UNIT, paths.CONTAINERD_UNIT): CONTAINERD,
    (Kind.SCRIPT, BEFORE): RESTORE,
}
