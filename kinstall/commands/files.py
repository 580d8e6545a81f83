"""The commands that need no node: render, routes and schema."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from kinstall.answers.load import load
from kinstall.answers.schema import schema as schema_data
from kinstall.cluster.subnets import assign_pod_cidrs
from kinstall.errors import UsageError
from kinstall.headless.tables import show_json
from kinstall.install import options_for
from kinstall.render import render as render_files


def render(chosen: argparse.Namespace) -> int:
    written = render_files(load(chosen.answers), Path(chosen.folder))
    print(f"{len(written)} files below {chosen.folder}, made with throw-away keys")
    return 0


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


def schema(chosen: argparse.Namespace) -> int:
    print(json.dumps(schema_data(), indent=2))
    return 0
