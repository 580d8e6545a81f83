"""Times, outcomes and text from nodes, as people read them. Every mark is beside a word."""

from __future__ import annotations

import math

from kinstall.engine.events import Outcome
from kinstall.findings import Severity
from kinstall.wording import harmless

MARKS = {"good": "✓", "warn": "!", "bad": "✗", "wait": "·", "skip": "–"}
ASCII_MARKS = {"good": "+", "warn": "!", "bad": "x", "wait": ".", "skip": "-"}

OUTCOME_KINDS = {
    Outcome.OK: "good",
    Outcome.CHANGED: "good",
    Outcome.SKIPPED: "skip",
    Outcome.FAILED: "bad",
    Outcome.UNREACHABLE: "bad",
    Outcome.CANCELLED: "warn",
}
SEVERITY_KINDS = {Severity.OK: "good", Severity.WARNING: "warn", Severity.ERROR: "bad"}
STYLES = {"run": "cyan", "good": "green", "warn": "yellow", "bad": "red", "wait": "dim", "skip": "dim"}


def clean(text: str) -> str:
    """Text from a node without what would control the terminal; tabs become spaces, line ends stay."""
    return harmless(text).replace("\t", "    ")


def clock(seconds: float) -> str:
    """`0:07`, `12:34`, `1:02:03`."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def duration(seconds: float) -> str:
    """`0.4 s`, `38 s`, `1 min 04 s`, `1 h 02 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def rough(seconds: float) -> str:
    """An estimate, rounded up: to 5 s below a minute, then to 10 s, then to minutes."""
    if seconds < 60:
        return f"{max(5, 5 * math.ceil(seconds / 5))} s"
    if seconds < 300:
        return duration(10 * math.ceil(seconds / 10))
    return f"{math.ceil(seconds / 60)} min"


def shorten(text: str, width: int, more: str = "…") -> str:
    """At most `width` characters, cut after the first word: the end of a path says more than its beginning."""
    if len(text) <= width:
        return text
    head = text[: text.find(" ") + 1]
    tail = width - len(head) - len(more)
    return head + more + text[-tail:] if tail > 0 else text[:width]


def summary(outcome: Outcome, changed: int, ok: int, failed: int, seconds: float) -> str:
    """One sentence on how a run ended."""
    if outcome is Outcome.CANCELLED:
        head = "stopped"
    elif failed or outcome in (Outcome.FAILED, Outcome.UNREACHABLE):
        head = "failed"
    elif changed == 0:
        return f"nothing changed: {ok} ok, in {duration(seconds)}"
    else:
        head = "done"
    return f"{head}: {changed} changed, {ok} ok, {failed} failed, in {duration(seconds)}"
