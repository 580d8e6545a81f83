"""`kinstall trust`: show the nodes' host keys to the operator and keep those that are accepted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from kinstall.cli.interrupt import loaded
from kinstall.errors import EXIT_PREFLIGHT, UsageError
from kinstall.operations.options import Options
from kinstall.operations.ssh_session import targets_of
from kinstall.operations.trust import JUMP_HOST, Seen, Status, pending, store
from kinstall.terminal.tables import show_host_keys, show_json
from kinstall.transport.host_keys import HostKeys, same_fingerprint
from kinstall.transport.target import SshTarget


def trust(chosen: argparse.Namespace) -> int:
    """Show the key of each node; keep the accepted ones. Jump hosts come first: the others are behind them."""
    spec, options = loaded(chosen)
    wanted = dict(_pair(text) for text in chosen.fingerprint)
    text = chosen.output == "text"  # JSON is for programs: nothing is asked
    targets = targets_of(spec)
    seen = _look(targets, options, wanted)
    for _ in range(max((len(target.jumps()) for target in targets.values()), default=0)):
        jumps = [row for row in seen if row.node.startswith(JUMP_HOST)]
        if not _keep(jumps, wanted, options, text):
            break
        seen = _look(targets, options, wanted)
    _keep([row for row in seen if not row.node.startswith(JUMP_HOST)], wanted, options, text)
    left = _look(targets, options, wanted) if seen else []
    open_questions = [row for row in left if row.status is not Status.KNOWN]
    if not text:
        show_json({"keys": [_plain(row) for row in left]}, sys.stdout)
        return EXIT_PREFLIGHT if open_questions else 0
    for row in open_questions:
        print(f"kinstall: {row.message}\n  {row.remedy}", file=sys.stderr)
    if not open_questions:
        print("all host keys are known")
    return EXIT_PREFLIGHT if open_questions else 0


def _look(targets: Mapping[str, SshTarget], options: Options, wanted: Mapping[str, str]) -> list[Seen]:
    seen = pending(targets, HostKeys(options.state.known_hosts), options.secrets, wanted)
    return options.secrets.redactor.event(seen)


def _keep(seen: Sequence[Seen], wanted: Mapping[str, str], options: Options, text: bool) -> bool:
    """Ask about new and changed keys and store those that are accepted; returns whether any was stored."""
    if not seen:
        return False
    rows = [(s.node, f"{s.host}:{s.port}", s.status.value, s.key_type, s.fingerprint or s.message) for s in seen]
    if text:
        show_host_keys(rows, sys.stdout)
    new = [row for row in seen if row.status in (Status.UNKNOWN, Status.CHANGED)]
    if wanted:
        for row in new:
            if row.node in wanted and not same_fingerprint(wanted[row.node], row.fingerprint):
                raise UsageError(f"{row.node} shows {row.fingerprint}, not the fingerprint that was given")
        new = [row for row in new if row.node in wanted]
    elif new and text:
        _ask(new)
    else:
        return False
    if new:
        options.state.prepare()
        store(options.state.known_hosts, new)
        if text:
            print(f"stored {len(new)} in {options.state.known_hosts}")
    return bool(new)


def _plain(row: Seen) -> dict[str, Any]:
    """A key as JSON; `message` and `remedy` are empty for a known one."""
    return {
        "node": row.node,
        "host": row.host,
        "port": row.port,
        "status": row.status.value,
        "type": row.key_type,
        "fingerprint": row.fingerprint,
        "message": row.message,
        "remedy": row.remedy,
    }


def _ask(new: Sequence[Seen]) -> None:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", "name the keys that you accept: --fingerprint NODE=SHA256:…")
    for row in new:
        if row.status is Status.CHANGED:
            print(f"! {row.message}")
    if input("Do these fingerprints match those on the hosts' consoles? Type yes to accept them: ").strip() != "yes":
        raise UsageError("no key was accepted; nothing was stored")


def _pair(text: str) -> tuple[str, str]:
    node, equals, fingerprint = text.partition("=")
    if not equals or not fingerprint.startswith("SHA256:"):
        raise UsageError(f"--fingerprint {text} is not NODE=SHA256:…")
    return node, fingerprint
