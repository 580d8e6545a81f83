"""Flags that follow from other answers or from where kinstall puts its files: component → flag → what to do instead.

Each component's module in `assets` has its own. Everything else can be overridden, fields of the kubelet's and
kube-proxy's configuration without exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache


@cache
def owned_flags() -> Mapping[str, Mapping[str, str]]:
    """By the component's key in the answers."""
    # Most answers have no extraArgs: the wizard's first screen appears without loading what describes components.
    from assets.control_plane.static_pods import COMPONENTS
    from assets.node import DAEMONS

    return {each.key: each.owned_flags for each in (*COMPONENTS, *DAEMONS)}
