"""Preflight's findings, with the blocked connections between nodes as a table of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

from kinstall.connectivity import Attempt, Matrix
from kinstall.findings import Finding
from kinstall.terminal.tables import findings_json, show_findings, show_json, show_table


def matrix_json(matrix: Matrix) -> dict[str, Any]:
    """`{"tried": n, "blocked": [way, …], "notAsked": [way, …]}`, a connection with its direction, port and result."""
    return {
        "tried": len(matrix.attempts) - len(matrix.unknown),
        "blocked": [_way(each) for each in matrix.blocked],
        "notAsked": [_way(each) for each in matrix.unknown],
    }


def show_preflight(
    findings: Sequence[Finding],
    matrix: Matrix,
    stream: TextIO,
    output: str,
    *,
    everything: bool,
    by_node: bool = False,
) -> None:
    """The findings, then FROM, TO, PORT and RESULT of blocked connections; in JSON as `peers` of the one document."""
    if output == "json":
        return show_json({**findings_json(findings), "peers": matrix_json(matrix)}, stream)
    show_findings(findings, stream, everything=everything, by_node=by_node)
    together: dict[tuple[str, str, str], list[str]] = {}
    for each in matrix.blocked:
        key = (each.connection.target, str(each.connection.port), each.result.value)
        together.setdefault(key, []).append(each.connection.source)
    if together:
        rows = [(", ".join(names), target, port, result) for (target, port, result), names in together.items()]
        stream.write("\n")
        show_table(("FROM", "TO", "PORT", "RESULT"), rows, stream)
    return None


def _way(each: Attempt) -> dict[str, Any]:
    port = each.connection.port
    way = {
        "from": each.connection.source,
        "to": each.connection.target,
        "port": port.number,
        "protocol": port.protocol,
        "what": port.what,
        "needed": each.connection.needed,
        "result": each.result.value,
    }
    return {**way, "why": each.why} if each.why else way
