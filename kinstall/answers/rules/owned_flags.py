"""Flags that follow from other answers or from where kinstall puts its files: component → flag → what to do instead.

Each component's module in `assets` has its own. Everything else can be overridden, fields of the kubelet's and
kube-proxy's configuration without exception.
"""

from __future__ import annotations

from collections.abc import Mapping

from assets.control_plane.static_pods import COMPONENTS
from assets.node import DAEMONS

OWNED: Mapping[str, Mapping[str, str]] = {each.key: each.owned_flags for each in (*COMPONENTS, *DAEMONS)}
