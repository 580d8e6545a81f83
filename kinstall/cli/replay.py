"""`kinstall replay`: build the cluster, or bring it in line with the answers."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from kinstall.cli.interrupt import loaded
from kinstall.cli.show_run import run_shown
from kinstall.cluster import ClusterSpec
from kinstall.operations.options import Options
from kinstall.terminal.tables import show_verify


def replay(chosen: argparse.Namespace) -> int:
    spec, options = loaded(chosen)
    options = replace(options, until=chosen.until, recover_pki=chosen.recover_pki, verify=not chosen.no_verify)
    text = chosen.output == "text"
    checks, ended = run_shown(spec, options, chosen.output, quiet=chosen.quiet)
    if checks and text:
        show_verify(checks, sys.stdout)
    if ended:
        raise ended
    if text and not options.until:
        _print_next_steps(spec, options)
    return 0


def _print_next_steps(spec: ClusterSpec, options: Options) -> None:
    kubectl = options.state.bin / "kubectl"
    program = str(kubectl) if kubectl.exists() else "kubectl"
    print(f"\n  {program} --kubeconfig {options.state.admin_conf} get nodes")
