"""The clusters that this machine knows: their state folders, and how the last run of each ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kinstall.engine.events import Outcome
from kinstall.errors import KinstallError
from kinstall.state.folder import StateFolder, state_home
from kinstall.wording import count
from screens.draft import saved

if TYPE_CHECKING:
    from kinstall.report import Run

_MOST = 50
"""Folders that are looked at: reading a run's log takes some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class KnownCluster:
    """A cluster with a state folder here. `kind` is one of progress/text.py's kinds of lines (good, warn, bad, skip).

    `answers` is the file it was installed from, None where that is not known or gone; `text` is its content at the
    last run, and `kept_at` where that is. `unfinished` says how the last run fell short; empty where there is nothing
    to continue.
    """

    name: str
    nodes: int
    version: str
    kind: str
    result: str
    unfinished: str
    answers: Path | None
    kept_at: Path
    text: str


def known_clusters(now: datetime | None = None) -> Sequence[KnownCluster]:
    """Those below the state home, the one that was worked on last first. A folder that cannot be used is left out."""
    home = state_home() / "kinstall"
    folders = [each for each in home.glob("*") if not each.name.startswith(".") and (each / "runs").is_dir()]
    folders.sort(key=lambda each: each.stat().st_mtime, reverse=True)
    found = (_known(StateFolder(folder), now or datetime.now(UTC)) for folder in folders[:_MOST])
    return [each for each in found if each is not None]


def interruption(run: Run) -> str:
    """How the last replay fell short, as a sentence; empty if the cluster is up (or the last run was a reset)."""
    started, finished = run.started, run.finished
    if started is None or started.command != "replay":
        return ""
    when = f"{run.began:%Y-%m-%d %H:%M} UTC" if run.began else "an unknown time"
    head = f"the run of {started.cluster} started {when}"
    if finished is None:
        return f"{head} was interrupted (or is still running elsewhere)"
    if finished.outcome is Outcome.CANCELLED:
        return f"{head} was stopped"
    if finished.failed or run.progress().failures:
        return f"{head} failed"
    return ""


def _known(state: StateFolder, now: datetime) -> KnownCluster | None:
    from kinstall.report import last_run, spec_of_run  # takes longer to load than the first screen may take

    try:
        run = last_run(state)
        spec = spec_of_run(state)
        text = (state.read(state.answers) or b"").decode("utf-8", "replace")
    except (KinstallError, OSError):
        return None
    if spec is None or state.simulated.exists():
        return None
    unfinished = interruption(run)
    kind, result = _result(run, unfinished, state.verified.exists())
    return KnownCluster(
        name=spec.cluster_name,
        nodes=len(spec.nodes),
        version=spec.kubernetes_version,
        kind=kind,
        result=f"{result} {_ago(run.began, now)}".rstrip(),
        unfinished=unfinished,
        answers=saved.answers_of(spec.cluster_name),
        kept_at=state.answers,
        text=text,
    )


def _result(run: Run, unfinished: str, verified: bool) -> tuple[str, str]:
    """(kind, words) for how a run ended."""
    if unfinished:
        words = ("interrupted", "stopped", "failed")
        return "bad", next(word for word in words if word in unfinished)
    if run.started is not None and run.started.command == "reset":
        failed = run.finished is None or run.finished.failed
        return ("bad", "removed in part") if failed else ("skip", "removed")
    return ("good", "up, verified") if verified else ("good", "installed")


def _ago(then: datetime | None, now: datetime) -> str:
    """`2 hours ago`; empty for an unknown time, or one that has not come yet."""
    seconds = (now - then).total_seconds() if then else -1
    if seconds < 0:
        return ""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{count(int(seconds // size), unit)} ago"
    return "just now"
