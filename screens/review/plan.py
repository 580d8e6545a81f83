"""What a run would do, as lines to look through, as details to read, and as a text to save. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kinstall.errors import KinstallError, PreflightFailed
from kinstall.findings import Finding, Severity, grouped
from kinstall.progress.text import MARKS, SEVERITY_KINDS, clean
from kinstall.wording import count, listed
from screens.review.summary import Line

if TYPE_CHECKING:
    from kinstall.engine.preview import PlannedChange

MOST = 2000
"""Rows of changes that are listed: a search finds the others."""
_NAMED = 4
_WORDS = {
    "create": "{} to create",
    "change": "{} to change",
    "start": "{units} to start",
    "restart": "{units} to restart",
    "run": "{scripts} to run",
}


def totals(changes: Sequence[PlannedChange]) -> str:
    """`178 to create, 3 to change, 15 units to start`."""
    counted = Counter(change.action.value for change in changes)
    words = [
        form.format(counted[action], units=count(counted[action], "unit"), scripts=count(counted[action], "script"))
        for action, form in _WORDS.items()
        if counted[action]
    ]
    return ", ".join(words) or "nothing to change"


def why_none(error: KinstallError) -> str:
    """Why there is no plan, in one line."""
    if not isinstance(error, PreflightFailed):
        return error.what
    errors = [finding for finding in error.findings if finding.severity is Severity.ERROR]
    if not errors:
        return error.what
    keys = {finding.node for finding in errors if finding.check == "host-key"}
    if keys and len(errors) == len(keys):
        return f"{count(len(keys), 'host')} {'is' if len(keys) == 1 else 'are'} not trusted"
    return f"{count(len(errors), 'error')} on {count(len({finding.node for finding in errors}), 'node')}"


def findings(results: Sequence[Finding]) -> list[Line]:
    """Preflight's findings, errors first, each once with its nodes; passed checks are counted."""
    lines = [
        Line(_finding(each, nodes), "go:nodes" if each.node else "")
        for severity in (Severity.ERROR, Severity.WARNING)
        for each, nodes in grouped(each for each in results if each.severity is severity)
    ]
    fine = sum(each.severity is Severity.OK for each in results)
    return [*lines, *([Line(f" {MARKS['good']} {count(fine, 'check')} in order")] if fine else [])]


def _finding(each: Finding, nodes: Sequence[str]) -> str:
    mark = MARKS[SEVERITY_KINDS[each.severity]]
    remedy = f"; {each.remedy}" if each.remedy else ""
    names = listed([node or "cluster" for node in nodes], _NAMED)
    return clean(f" {mark} {names}: {each.check}: {each.message}{remedy}").replace("\n", " ")


@dataclass(frozen=True, slots=True)
class Filter:
    """What of a plan is listed: of one node, of one kind (`file`, `unit` …), with these words. Empty: everything."""

    node: str = ""
    kind: str = ""
    words: str = ""

    def __bool__(self) -> bool:
        return bool(self.node or self.kind or self.words)

    def takes(self, change: PlannedChange) -> bool:
        if (self.node and change.node != self.node) or (self.kind and kind(change) != self.kind):
            return False
        text = f"{change.step} {change.action.value} {change.detail} {change.source}".casefold()
        return all(word in text for word in self.words.casefold().split())

    def __str__(self) -> str:
        words = f" · with {self.words}" if self.words else ""
        return f"node: {self.node or 'all'} (n) · kind: {self.kind or 'all'} (k){words} · / search"


def kind(change: PlannedChange) -> str:
    """What a step is: `file`, `unit`, `script` …"""
    return change.step.partition(" ")[0]


def kinds(changes: Sequence[PlannedChange]) -> list[str]:
    return sorted({kind(change) for change in changes})


def plan(
    changes: Sequence[PlannedChange], nodes: Sequence[str], opened: Collection[str], wanted: Filter | None = None
) -> list[Line]:
    """Per node its counts, and of the nodes that are `opened` every change in the order of the run.

    With a filter, every change that it takes, and no node that has none.
    """
    wanted = wanted or Filter()
    width = max(map(len, nodes), default=0)
    mine: dict[str, list[tuple[int, PlannedChange]]] = {node: [] for node in nodes}
    for number, change in enumerate(changes):
        if change.node in mine and wanted.takes(change):
            mine[change.node].append((number, change))
    lines: list[Line] = []
    left = MOST
    for node in nodes:
        if wanted and not mine[node]:
            continue
        shown = bool(wanted) or node in opened
        lines.append(Line(f" {'▾' if shown else '▸'} {node:<{width}}  {counts(changes, node)}", f"node:{node}"))
        if shown:
            lines += _changes(mine[node][: max(0, left)])
            left -= len(mine[node])
    if left < 0:
        lines.append(Line(f"   … and {-left} more: n, k or / show fewer"))
    if wanted and not lines:
        lines.append(Line("   nothing of the plan is like that", ""))
    return lines


def counts(changes: Sequence[PlannedChange], node: str) -> str:
    """`41 create  2 change`, or `nothing to do`."""
    counted = Counter(str(change.action) for change in changes if change.node == node)
    return "  ".join(f"{number} {each}" for each, number in counted.items()) or "nothing to do"


def _changes(changes: Sequence[tuple[int, PlannedChange]]) -> Iterator[Line]:
    for number, change in changes:
        more = "a secret" if change.secret else change.detail
        text = clean(f"{change.action.value:<8} {change.step}").replace("\n", " ")
        yield Line(f"     {text}" + (f"   ({clean(more)})" if more else ""), f"change:{number}")


def detail(change: PlannedChange) -> str:
    """Everything that is known of a change: why, the difference to what is there, what it brings."""
    why = f" · {change.detail}" if change.detail else ""
    parts = [f"{change.action.value} on {change.node}, in phase {change.phase}{why}", change.diff, change.body]
    return clean("\n\n".join(part for part in parts if part))


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
