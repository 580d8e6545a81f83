"""Tables of findings, plans and checks: for people as text, for programs as one JSON document.

Each `show_*` writes to `stream`; `output` is text or json. Text for a pipe is not wrapped: a row is a line.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol, TextIO

from rich.table import Table
from rich.text import Text

from kinstall.engine.diff import Action
from kinstall.engine.events import Outcome
from kinstall.engine.preview import PlannedChange
from kinstall.findings import Finding, Severity, grouped
from kinstall.progress.text import OUTCOME_KINDS, SEVERITY_KINDS, STYLES, clean
from kinstall.terminal.colours import Painter
from kinstall.terminal.console import HarmlessConsole
from kinstall.terminal.stream import quiet_pipe
from kinstall.wording import count, listed

_PIPE_WIDTH = 100_000
_NAMED, _NODES_WIDE = 3, 30
"""Nodes that a row of a finding names before it counts, and the columns that they may take."""


class CheckResult(Protocol):
    """The result of one of verify's checks. `node` is empty for a check of the cluster."""

    @property
    def node(self) -> str: ...
    @property
    def check(self) -> str: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def message(self) -> str: ...
    @property
    def seconds(self) -> float: ...


# Findings


def findings_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """`{"findings": [...], "errors": n, "warnings": n}`."""
    counts = Counter(finding.severity for finding in findings)
    return {
        "findings": [asdict(finding) for finding in findings],
        "errors": counts[Severity.ERROR],
        "warnings": counts[Severity.WARNING],
    }


def show_findings(
    findings: Sequence[Finding],
    stream: TextIO,
    output: str = "text",
    *,
    everything: bool = False,
    by_node: bool = False,
) -> None:
    """Errors first, then warnings; passed checks are counted, or listed too with `everything`.

    What several nodes share word for word is one row with their names, or, `by_node`, a row for each.
    """
    if output == "json":
        return show_json(findings_json(findings), stream)
    out = _Output(stream)
    order = (Severity.ERROR, Severity.WARNING, *((Severity.OK,) if everything else ()))
    chosen = [finding for severity in order for finding in findings if finding.severity is severity]
    rows_of = [(each, (each.node,)) for each in chosen] if by_node else grouped(chosen)
    if rows_of:
        everywhere = len({finding.node for finding in findings if finding.node})
        rows = [
            (
                out.mark(SEVERITY_KINDS[each.severity], each.severity.value),
                nodes_in_words(nodes, everywhere),
                each.check,
                out.with_remedy(each.message, each.remedy),
            )
            for each, nodes in rows_of
        ]
        out.table(("", "NODE", "CHECK", "FINDING"), rows)
    counts = Counter(finding.severity for finding in findings)
    parts = [count(counts[Severity.ERROR], "error"), count(counts[Severity.WARNING], "warning")]
    kind = "bad" if counts[Severity.ERROR] else "warn" if counts[Severity.WARNING] else "good"
    out.line(out.mark(kind, f"{', '.join(parts)}; {count(counts[Severity.OK], 'check')} in order"))
    return None


def nodes_in_words(nodes: Sequence[str], everywhere: int) -> str:
    """`cp1, w1, w2`, `all 12 nodes`, `w1, w2, w3 and 4 more`, `cluster`; `everywhere`: how many nodes there are."""
    named = [clean(node) for node in nodes if node]
    if not named:
        return "cluster"
    if len(named) == everywhere > _NAMED:
        return f"all {everywhere} nodes"
    words = listed(named, _NAMED)
    return words if len(words) <= _NODES_WIDE or len(named) == 1 else listed(named, 1)


# Plan


def plan_json(changes: Sequence[PlannedChange], nodes: Iterable[str]) -> dict[str, Any]:
    """`{"changes": [...], "counts": {node: {action: n}}}`; a node with nothing to do has an empty entry."""
    counts = _counts(changes, nodes)
    rows = [{key: value for key, value in asdict(change).items() if key != "body"} for change in changes]
    return {"changes": rows, "counts": {n: dict(c) for n, c in counts.items()}}


def show_plan(changes: Sequence[PlannedChange], nodes: Iterable[str], stream: TextIO, output: str = "text") -> None:
    """Per node its counts, then each change with its diff; for a secret only that it changes."""
    nodes = tuple(nodes)
    if output == "json":
        return show_json(plan_json(changes, nodes), stream)
    out = _Output(stream)
    for node in nodes:
        mine = [change for change in changes if change.node == node]
        if not mine:
            continue
        out.line(Text(node, style="bold"))
        width = max(len(change.action.value) for change in mine)
        for change in mine:
            detail = "a secret" if change.secret and change.action is Action.CHANGE else change.detail
            detail = ", ".join(filter(None, (detail, change.source and f"from {change.source}")))
            line = Text(f"  {change.action.value:{width}}  {clean(change.step)}")
            out.line(line.append(f"  ({clean(detail)})", style="dim") if detail else line)
            out.diff(change.diff)
        out.line(Text(""))
    actions = [action for action in Action if any(change.action is action for change in changes)]
    if actions:
        counts = _counts(changes, nodes)
        rows = [(node, *(str(counts[node][action] or "") for action in actions)) for node in nodes]
        out.table(("NODE", *(action.value.upper() for action in actions)), rows, numbers=True)
        out.line(Text("Nothing has been changed yet."))
    else:
        out.line(out.mark("good", f"nothing to do on {count(len(nodes), 'node')}"))
    return None


def _counts(changes: Sequence[PlannedChange], nodes: Iterable[str]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {node: Counter() for node in nodes}
    for change in changes:
        counts.setdefault(change.node, Counter())[change.action.value] += 1
    return counts


# Verify


def verify_json(results: Sequence[CheckResult]) -> dict[str, Any]:
    """`{"checks": [{node, check, outcome, message, seconds}], "ok": n, "failed": n, "skipped": n}`."""
    keys = ("node", "check", "outcome", "message", "seconds")
    good, bad, skipped = _verdicts(results)
    checks = [{key: getattr(result, key) for key in keys} for result in results]
    return {"checks": checks, "ok": good, "failed": bad, "skipped": skipped}


def show_verify(results: Sequence[CheckResult], stream: TextIO, output: str = "text") -> None:
    """Every check with its outcome, in the order given; a line for all that were skipped for the same reason."""
    if output == "json":
        return show_json(verify_json(results), stream)
    out = _Output(stream)
    skipped = Counter(each.message for each in results if each.outcome is Outcome.SKIPPED)
    alike = [message for message, times in skipped.items() if times > 1]
    rows = [
        (
            out.mark(OUTCOME_KINDS[each.outcome], each.outcome.value),
            each.node or "cluster",
            clean(each.check),
            f"{each.seconds:.1f} s",
            Text(clean(each.message)),
        )
        for each in results
        if each.outcome is not Outcome.SKIPPED or each.message not in alike
    ]
    if rows:
        out.table(("", "NODE", "CHECK", "TIME", ""), rows)
    for message in alike:
        checks = {each.check for each in results if each.outcome is Outcome.SKIPPED and each.message == message}
        out.line(out.mark("skip", f"{count(len(checks), 'check')} skipped: {clean(message)}"))
    good, bad, left_out = _verdicts(results)
    if good or bad:
        also = f", {left_out} skipped" if left_out else ""
        out.line(out.mark("bad" if bad else "good", f"{good} of {len(results)} checks ok, {bad} failed{also}"))
    return None


def _verdicts(results: Sequence[CheckResult]) -> tuple[int, int, int]:
    """How many passed, failed and were skipped."""
    good = sum(1 for each in results if each.outcome in (Outcome.OK, Outcome.CHANGED))
    skipped = sum(1 for each in results if each.outcome is Outcome.SKIPPED)
    return good, len(results) - good - skipped, skipped


# For anything else a command lists


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    """A plain table; cells may hold text from nodes."""
    out = _Output(stream)
    out.table(columns, [[clean(cell) for cell in row] for row in rows])


def show_host_keys(rows: Sequence[tuple[str, str, str, str, str]], stream: TextIO) -> None:
    """Rows (node, host, status, type, fingerprint); a host takes two lines where its fingerprint would not fit."""
    out = _Output(stream)
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(5)]
    if sum(widths) + 2 * len(widths) <= out.width:
        return show_table(("node", "host", "status", "type", "fingerprint"), rows, stream)
    for *words, fingerprint in cells:
        line = "  ".join(f"{word:<{width}}" for word, width in zip(words, widths, strict=False)).rstrip()
        out.line(Text(f"{line}\n    {fingerprint}"))
    return None


def show_json(data: Mapping[str, Any], stream: TextIO) -> None:
    """One JSON document, indented, in ASCII."""
    with quiet_pipe(stream):
        stream.write(json.dumps(data, indent=2) + "\n")


class _Output:
    """A console for text: as wide as the terminal, or without a width for a pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = HarmlessConsole(stream)
        if not self._console.is_terminal:
            self._console.width = _PIPE_WIDTH
        self._marks = Painter.for_encoding(self._console.encoding).marks

    @property
    def width(self) -> int:
        return self._console.width

    def mark(self, kind: str, word: str) -> Text:
        return Text(f"{self._marks[kind]} {word}", style=STYLES[kind])

    def with_remedy(self, message: str, remedy: str) -> Text:
        text = Text(clean(message))
        if remedy:
            text.append("\n" if self._console.is_terminal else "; ").append(clean(remedy), style="dim")
        return text

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str | Text]], *, numbers: bool = False) -> None:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for index, name in enumerate(columns):
            last = index == len(columns) - 1
            # A long word goes on in the next line: whoever compares fingerprints needs all of them.
            table.add_column(
                name,
                no_wrap=not last,
                overflow="fold" if last else "ellipsis",
                justify="right" if numbers and index else "left",
            )
        for row in rows:
            table.add_row(*row)
        with quiet_pipe(self._stream):
            if self._console.is_terminal:
                self._console.print(table)
                return
            # Rich pads each line to the table's width, which is of no use in a pipe.
            with self._console.capture() as captured:
                self._console.print(table)
            self._stream.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))

    def line(self, text: Text) -> None:
        with quiet_pipe(self._stream):
            self._console.print(text, soft_wrap=True)

    def diff(self, diff: str) -> None:
        styles = {"+": "green", "-": "red", "@": "cyan"}
        for line in diff.splitlines():
            self.line(Text(f"    {clean(line)}", style=styles.get(line[:1], "")))
