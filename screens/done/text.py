"""Texts of the Done screen: pure functions of the run's log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from kinstall.engine.events import Outcome, StepFinished
from kinstall.progress.text import MARKS, OUTCOME_KINDS, clean
from kinstall.progress.timeline import Timeline, chart
from kinstall.report import VERIFY, Commands, Run

if TYPE_CHECKING:
    from kinstall.verify import CheckResult

COLOURS = {"good": "ansi_green", "warn": "ansi_yellow", "bad": "ansi_red", "skip": "", "wait": "", "run": "ansi_cyan"}
_PHASES = ("ansi_cyan", "ansi_green", "ansi_yellow", "ansi_magenta", "ansi_blue", "ansi_red", "ansi_white")


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the cluster, or of one `node` of it: its outcome and its message."""

    name: str
    node: str
    outcome: Outcome
    message: str


def checks_of(run: Run) -> list[Check]:
    """The checks at the run's end. Their events name a check and, after a blank, its node."""
    nodes = frozenset(run.started.nodes) if run.started else frozenset()
    found = []
    for _, event in run.events:
        if isinstance(event, StepFinished) and event.phase == VERIFY and not event.node:
            name, _, last = event.step.rpartition(" ")
            own = (name, last) if name and last in nodes else (event.step, "")
            found.append(Check(*own, event.outcome, event.message))
    return found


def check_of(result: CheckResult) -> Check:
    return Check(result.check, result.node, result.outcome, result.message)


def check_lines(checks: Sequence[Check]) -> Content:
    """Failed checks with their messages; skipped ones with the reason; passed ones on one line."""
    lines = []
    for check in checks:
        if check.outcome is Outcome.FAILED:
            name = f"{check.name} {check.node}".strip()
            lines.append(_marked(Outcome.FAILED, f"{name}: {check.message.strip() or 'failed'}"))
    skipped: dict[str, list[Check]] = {}
    for check in checks:
        if check.outcome is Outcome.SKIPPED:
            skipped.setdefault(check.message.strip(), []).append(check)
    lines += [_marked(Outcome.SKIPPED, f"{_names(those)}: {why}") for why, those in skipped.items()]
    passed = [check for check in checks if check.outcome not in (Outcome.FAILED, Outcome.SKIPPED)]
    if passed:
        lines.append(_marked(Outcome.OK, f"{len(passed)} of {len(checks)} checks: {_names(passed)}"))
    return Content("\n").join(lines)


def _names(checks: Sequence[Check]) -> str:
    """`CoreDNS, node Ready ×3, DNS inside w1`."""
    nodes: dict[str, list[str]] = {}
    for check in checks:
        nodes.setdefault(check.name, []).append(check.node)
    words = (f"{name} {each[0]}".strip() if len(each) == 1 else f"{name} ×{len(each)}" for name, each in nodes.items())
    return ", ".join(words)


def _marked(outcome: Outcome, text: str) -> Content:
    kind = OUTCOME_KINDS[outcome]
    return Content.styled(f"{MARKS[kind]} ", COLOURS[kind]) + Content(clean(text))


def chart_lines(timeline: Timeline, width: int, *, ascii_only: bool = False) -> Content:
    """When each node was in which phase; the glyph shows which, and so does the colour."""
    colours = {phase: _PHASES[index % len(_PHASES)] for index, phase in enumerate(timeline.phases)}
    return Content("\n").join(
        Content("").join(Content.styled(part.text, colours.get(part.phase, "")) for part in line.segments)
        for line in chart(timeline, width, ascii_only=ascii_only)
    )


def go_on(run: Run, commands: Commands) -> Iterator[str]:
    """The commands to continue with, one per line."""
    yield kubectl_line(commands)
    yield f"kinstall verify {commands.answers}"
    yield f"kinstall plan {commands.answers}    # what a change to the answers would do"
    if run.finished is None or run.finished.outcome in (Outcome.FAILED, Outcome.CANCELLED):
        yield f"kinstall replay {commands.answers}    # continues where it stopped"


def kubectl_line(commands: Commands) -> str:
    return f"{commands.kubectl} --kubeconfig {commands.kubeconfig} get nodes"
