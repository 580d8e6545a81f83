"""Nodes as rows of the answers (`nodes:`), and a row's text in the table: pure functions on plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from kinstall.cluster import CONTROL_PLANE, WORKER
from kinstall.cluster.subnets import parse_address
from kinstall.findings import Finding, Problem, Severity
from kinstall.progress.text import MARKS
from kinstall.wording import count

Row = dict[str, Any]


def new_row(rows: Sequence[Mapping[str, Any]]) -> Row:
    """A new node: the first is the control plane, the others are workers; it gets the next free name."""
    leads = not any(row.get("role") == CONTROL_PLANE for row in rows)
    return {
        "name": free_name(rows, "cp1" if leads else "w1"),
        "address": "",
        "role": CONTROL_PLANE if leads else WORKER,
    }


def duplicate(rows: Sequence[Mapping[str, Any]], index: int) -> Row:
    """A copy with the next free name and address, without what belongs to one machine only."""
    row = deepcopy(dict(rows[index]))
    for key in ("hostKey", "podCIDR"):
        row.pop(key, None)
    row["name"] = free_name(rows, str(row.get("name", "")))
    row["address"] = free_address(rows, str(row.get("address", "")))
    if row.get("role") == CONTROL_PLANE:
        row["role"] = WORKER
    return row


def free_name(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    """The name, or the next one by its number that no row has: w1, w2 …"""
    taken = {str(row.get("name")) for row in rows}
    stem = name.rstrip("0123456789") or name
    number = int(name[len(stem) :] or 1)
    candidate = name
    while candidate in taken:
        number += 1
        candidate = f"{stem}{number}"
    return candidate


def free_address(rows: Sequence[Mapping[str, Any]], address: str) -> str:
    """The next address that no row has; empty where there is no address to count from."""
    taken = {str(row.get("address")) for row in rows}
    try:
        number = parse_address(address)
        while str(number) in taken:
            number += 1
    except ValueError:  # not an address, or no next one
        return ""
    return str(number)


def moved(rows: Sequence[Row], index: int, by: int) -> list[Row]:
    """The rows with one of them moved; at either end it stays."""
    result = list(rows)
    to = min(max(index + by, 0), len(result) - 1)
    result.insert(to, result.pop(index))
    return result


# Texts of the table


def login(row: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    """`root`, `admin, sudo`, `root :2222 via bastion`: the node's own login, else the one for all nodes."""
    own = row.get("ssh")
    ssh = {**common, **(own if isinstance(own, dict) else {})}
    user = str(ssh.get("user") or "root")
    words = [user if user == "root" else f"{user}, sudo"]
    if ssh.get("port") not in (None, 22):
        words.append(f":{ssh['port']}")
    if jumps := ssh.get("proxyJump"):
        hosts = jumps if isinstance(jumps, list) else [jumps]
        words.append(f"via {', '.join(str(host.get('address') if isinstance(host, dict) else host) for host in hosts)}")
    return " ".join(words)


def state(problems: Sequence[Problem], findings: Sequence[Finding] | None, probing: bool) -> tuple[str, str]:
    """(kind, words) of a row: problems of the answers first, then findings of a probe."""
    if problems:
        return "bad", f"{problems[0].message}"
    if probing:
        return "run", "probing …"
    if findings is None:
        return "wait", "not probed"
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    warnings = [finding for finding in findings if finding.severity is Severity.WARNING]
    if errors:
        more = f" (+{len(errors) - 1})" if len(errors) > 1 else ""
        return "bad", f"{errors[0].check}: {errors[0].message}{more}"
    if warnings:
        more = f" (+{len(warnings) - 1})" if len(warnings) > 1 else ""
        return "warn", f"{warnings[0].check}: {warnings[0].message}{more}"
    return "good", "ready"


def findings_text(findings: Sequence[Finding]) -> str:
    """Findings in full: errors first, each with its remedy; passed checks on one line."""
    rank = {Severity.ERROR: 0, Severity.WARNING: 1}
    lines = []
    for finding in sorted((f for f in findings if f.severity in rank), key=lambda f: rank[f.severity]):
        mark = MARKS["bad" if finding.severity is Severity.ERROR else "warn"]
        lines.append(f"{mark} {finding.check}: {finding.message}")
        lines += [f"    {line}" for line in finding.remedy.splitlines()]
    fine = [finding.check for finding in findings if finding.severity is Severity.OK]
    if fine:
        lines.append(f"{MARKS['good']} in order: {', '.join(dict.fromkeys(fine))}")
    return "\n".join(lines)


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """`3: 1 control plane, 2 workers`."""
    leading = sum(1 for row in rows if row.get("role") == CONTROL_PLANE)
    parts = [count(leading, "control plane"), count(len(rows) - leading, "worker")]
    return f"{len(rows)}: {', '.join(parts)}"


_KEYS = {
    "known": ("good", "known"),
    "unknown": ("warn", "unknown"),
    "changed": ("bad", "changed"),
    "unreachable": ("bad", "no answer"),
}


def host_key(row: dict[str, Any], status: str) -> tuple[str, str]:
    """(kind, words) of a node's host key: its status if the node was contacted, else whether the answers have one."""
    if status in ("changed", "unreachable") or (status and not row.get("hostKey")):
        kind, word = _KEYS[status]
    elif row.get("hostKey"):
        kind, word = "good", "pinned"
    else:
        kind, word = "wait", "not asked"
    return kind, f"{MARKS[kind]} {word}"
