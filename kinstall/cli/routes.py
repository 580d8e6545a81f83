"""`kinstall routes`: the routes to the pods, for a router beside the nodes."""

from __future__ import annotations

import argparse
import sys

from kinstall.answers.load import load
from kinstall.cluster.pod_ranges import assign_pod_cidrs
from kinstall.errors import UsageError
from kinstall.operations.options import options_for
from kinstall.terminal.tables import show_json


def routes(chosen: argparse.Namespace) -> int:
    """A line per node as `ip route add` takes it."""
    spec = load(chosen.answers)
    if not spec.networking.plans_ranges:
        raise UsageError(
            "with podNetwork manifest the cluster gives the nodes their ranges",
            "`kubectl get nodes -o custom-columns=:.spec.podCIDR,:.status.addresses[0].address` shows them",
        )
    cidrs = assign_pod_cidrs(spec, options_for(spec, chosen.state).state.read_nodes())
    rows = [{"podCIDR": cidrs[node.name], "via": node.internal_ip, "node": node.name} for node in spec.nodes]
    if chosen.output == "json":
        show_json({"routes": rows}, sys.stdout)
    else:
        print("\n".join(f"{row['podCIDR']} via {row['via']}" for row in rows))
    return 0
