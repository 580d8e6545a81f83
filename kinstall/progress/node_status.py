"""The status of a node and of a run in words, for every display. No I/O and no clock."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.engine.events import Outcome
from kinstall.progress.model import BAD, NodeProgress, Progress
from kinstall.progress.text import OUTCOME_KINDS, clean, clock, rough, summary
from kinstall.wording import count


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node: `kind` is a key of text.STYLES, `share` 0 to 1 of its steps, `seconds` of the phase or of all."""

    kind: str
    phase: str
    step: str
    share: float
    seconds: float


def of_node(node: NodeProgress, progress: Progress, now: float) -> NodeStatus:
    """The status of a node `now`, on the clock of fold()."""
    failure, active, outcome = node.failure, node.active, node.outcome
    if failure is not None:
        kind, phase = OUTCOME_KINDS[failure.outcome], failure.phase
        step = f"{failure.outcome.value}: {failure.step or failure.phase}"
    elif active is not None and progress.finished is None:
        kind, phase, step = "run", active.name, node.step
    elif outcome is Outcome.SKIPPED:
        # Without a failure it was intended: a rehearsal has no checks of a real cluster, and a stopped run just ends.
        why = ": an earlier phase failed" if progress.failures else ""
        kind, phase, step = "skip", node.phase, f"skipped{why}"
    elif outcome is None and progress.finished is not None and progress.finished.outcome in BAD:
        kind, phase, step = "skip", node.phase, f"not finished: {node.done} of {node.total} steps"
    elif outcome is not None or progress.finished is not None:
        kind, phase = "good", "done"
        step = f"{node.counts[Outcome.CHANGED]} changed, {node.done - node.counts[Outcome.CHANGED]} ok"
    else:
        kind, phase, step = "wait", node.phase, "waiting for other nodes" if node.phase else "waiting"
    seconds = node.seconds
    if active is not None and active.started_at is not None and progress.finished is None:
        seconds = now - active.started_at
    # Once the run ended well, expected steps without an event were not needed.
    share = 1.0 if kind == "good" else node.done / node.total if node.total else 0.0
    return NodeStatus(kind, phase, clean(step).replace("\n", " "), share, max(0.0, seconds))


def of_run(progress: Progress, now: float) -> list[str]:
    """The run in a few words, the most important first: share, steps, elapsed, remaining, failures."""
    # Rounded down: 100 % only when all is done.
    parts = [f"{int(progress.fraction * 100):3d} %", f"{progress.done} of {progress.total} steps"]
    parts.append(clock(progress.elapsed(now)))
    remaining = progress.remaining(now)
    if remaining is not None:
        parts.append(f"about {rough(remaining)} left")
    failed = sum(1 for node in progress.nodes.values() if node.failure is not None)
    if failed:
        parts.append(f"{count(failed, 'node')} failed")
    return parts


def at_end(progress: Progress) -> tuple[str, str]:
    """(kind, sentence) of a run that has ended; of one that has not, the kind `run` and nothing."""
    finished = progress.finished
    if finished is None:
        return "run", ""
    counts = summary(finished.outcome, finished.changed, finished.ok, finished.failed, finished.seconds)
    kind = "bad" if finished.failed else OUTCOME_KINDS[finished.outcome]
    return kind, f"{progress.command} of {progress.cluster}: {counts}"


def cells(share: float, width: int) -> int:
    """How many of a bar's cells are full: all only when the share is, none only when it is 0."""
    full = round(share * width)
    return min(max(full, 1), width - 1) if 0 < share < 1 else full
