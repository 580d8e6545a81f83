"""What rendering one node needs beside the spec and the PKI: planned ranges, image names, facts found on the node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kinstall.cluster.release_files import ImageRefs


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorAccess:
    """What lets a node in at a mirror: an Authorization header's value, which is secret, and the authority's PEM."""

    authorization: str = field(default="", repr=False)
    ca: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInputs:
    """`peers`: every other node's name → its pod range. `mtu`: of pod interfaces, 0 leaves the bridge's default.

    `pod_cidr` and the peers' are empty where ranges are not planned.

    `resolv_conf` is the resolver file of pods with dnsPolicy Default (`/run/systemd/resolve/resolv.conf` only where
    systemd-resolved runs: its stub in /etc/resolv.conf would send CoreDNS's questions back to itself).
    `mirrors`: registry → what its mirror needs, for those that need something.
    `ca_folders`: where the node keeps the certificate authorities of the world.
    """

    images: ImageRefs
    pod_cidr: str
    peers: Mapping[str, str] = field(default_factory=dict)
    mtu: int = 0
    resolv_conf: str = "/etc/resolv.conf"
    ca_folders: tuple[str, ...] = ()
    mirrors: Mapping[str, MirrorAccess] = field(default_factory=dict)
