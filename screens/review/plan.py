"""What a run would do, as lines to review and as a text to save. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from kinstall.findings import Finding, Severity
from kinstall.progress.text import MARKS, SEVERITY_KINDS, clean
from kinstall.wording import count
from screens.review.summary import Line

if TYPE_CHECKING:
    from kinstall.engine.preview import PlannedChange


def findings(results: Sequence[Finding]) -> list[Line]:
    """Preflight's findings, errors first; passed checks are counted."""
    lines = [
        Line(_finding(each), "go:nodes" if each.node else "")
        for severity in (Severity.ERROR, Severity.WARNING)
        for each in results
        if each.severity is severity
    ]
    fine = sum(each.severity is Severity.OK for each in results)
    return [*lines, *([Line(f" {MARKS['good']} {count(fine, 'check')} in order")] if fine else [])]


def _finding(each: Finding) -> str:
    mark = MARKS[SEVERITY_KINDS[each.severity]]
    remedy = f"; {each.remedy}" if each.remedy else ""
    return clean(f" {mark} {each.node or 'cluster'}: {each.check}: {each.message}{remedy}").replace("\n", " ")


def plan(changes: Sequence[PlannedChange], nodes: Sequence[str], opened: Collection[str]) -> list[Line]:
    """Per node its counts; of the nodes that are `opened` every change, in the order of the run."""
    lines: list[Line] = []
    width = max(map(len, nodes), default=0)
    for node in nodes:
        mark = "▾" if node in opened else "▸"
        lines.append(Line(f" {mark} {node:<{width}}  {counts(changes, node)}", f"node:{node}"))
        if node in opened:
            lines += _changes(changes, node)
    return lines


def counts(changes: Sequence[PlannedChange], node: str) -> str:
    """`41 create  2 change`, or `nothing to do`."""
    counted = Counter(change.action for change in changes if change.node == node)
    return "  ".join(f"{number} {action.value}" for action, number in counted.items()) or "nothing to do"


def _changes(changes: Sequence[PlannedChange], node: str) -> Iterator[Line]:
    for number, change in enumerate(changes):
        if change.node == node:
            detail = "a secret" if change.secret else change.detail
            more = "Enter: diff" if change.diff else detail
            text = clean(f"{change.action.value:<8} {change.step}").replace("\n", " ")
            yield Line(
                f"     {text}" + (f"   ({clean(more)})" if more else ""), f"diff:{number}" if change.diff else ""
            )


def as_text(changes: Sequence[PlannedChange], nodes: Sequence[str]) -> str:
    """The whole plan with its diffs, for a file."""
    lines: list[str] = []
    for node in nodes:
        lines.append(f"{node}: {counts(changes, node)}")
        for change in (change for change in changes if change.node == node):
            detail = "a secret" if change.secret else change.detail
            lines.append(clean(f"  {change.action.value:<8} {change.step}" + (f"   ({detail})" if detail else "")))
            lines += [f"      {line}" for line in clean(change.diff).splitlines()]
    return "\n".join(lines) + "\n"
