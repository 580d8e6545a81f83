"""`kinstall kubeconfig`: where a cluster's kubeconfig is, and merging it into the operator's on request."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from shlex import quote

from kinstall.answers.load import load
from kinstall.errors import UsageError
from kinstall.operations.kubeconfig import merge_into
from kinstall.state.folder import StateFolder
from kinstall.terminal.tables import show_json


def kubeconfig(chosen: argparse.Namespace) -> int:
    """Without --merge it prints a line for the shell only: the file holds a key, which must not be shown."""
    spec = load(chosen.answers)
    state = StateFolder.of(spec.cluster_name, chosen.state).check()
    content = state.read(state.admin_conf)
    if content is None:
        raise UsageError(f"there is no {state.admin_conf} yet", f"kinstall replay {chosen.answers} writes it")
    if not chosen.merge:
        if chosen.output == "json":
            show_json({"kubeconfig": str(state.admin_conf)}, sys.stdout)
            return 0
        print(f"export KUBECONFIG={quote(str(state.admin_conf))}")
        return 0
    written = merge_into(Path(chosen.file) if chosen.file else None, content)
    if chosen.output == "json":
        show_json(
            {
                "kubeconfig": str(written.path),
                "context": written.context,
                "current": written.current,
                "changed": written.changed,
                "backup": str(written.backup or ""),
            },
            sys.stdout,
        )
        return 0
    done = "merged into" if written.changed else "already in"
    print(f"{done} {written.path}, as context {written.context}")
    if written.backup:
        print(f"its earlier content: {written.backup}")
    if not written.current:
        print(f"  kubectl config use-context {quote(written.context)}")
    return 0
