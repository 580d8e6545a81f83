"""How a pod gets its interface and address: a bridge per node, addresses of the node's own range, host ports."""

from __future__ import annotations

import json
from typing import Any

from assets import paths
from assets.rendered import Rendered, text

BRIDGE = "cni0"


def conflist(pod_cidr: str, mtu: int) -> Rendered:
    """The routed network's conflist; `mtu` 0 leaves the bridge's own default.

    `ipMasq` stays off: it would rewrite what goes from pod to pod across nodes. `firewall` masquerades what leaves.
    """
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        **({"mtu": mtu} if mtu else {}),
        "ipam": {
            "type": "host-local",
            # No routes: isDefaultGateway sets the default one, and a second one is "file exists" to the plugin.
            "ranges": [[{"subnet": pod_cidr}]],
        },
    }
    config = {
        "cniVersion": "1.0.0",
        "name": "kinstall",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }
    return text(paths.CNI_CONFLIST, json.dumps(config, indent=2) + "\n")
