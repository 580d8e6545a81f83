"""The parts of the Install screen besides table and log: the run as a whole, headings, what went wrong."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from kinstall.progress import node_status
from kinstall.progress.text import MARKS, clock
from kinstall.wording import count
from screens.draft.draft import Draft
from screens.install.log_view import LogView
from screens.install.model import CLUSTER
from screens.install.run import Run, Stage
from screens.text import SteadyText

_COLOURS = {"good": "ansi_green", "warn": "ansi_yellow", "bad": "ansi_red", "run": "ansi_cyan", "wait": "", "skip": ""}


_REHEARSAL = "rehearsal, no host is touched · "


class Overall(SteadyText):
    """Two lines: the run's progress in words, and its bar."""

    def show(self, run: Run, draft: Draft, now: float, doing: str = "") -> None:
        """`doing`: what is done before the run, as a sentence without an end; empty for nothing."""
        width = max(20, self.size.width)
        kind, words = ("run", f"{doing} … Nothing has been changed yet.") if doing else _words(run, draft, now)
        progress = run.model.progress
        share = 1.0 if run.stage is Stage.DONE else progress.fraction
        full = node_status.cells(share, width)
        bar = Content.styled("━" * full, _COLOURS[kind]) + Content.styled("─" * (width - full), "dim")
        self.set_text(Content("\n").join([Content(words), bar]))


def _words(run: Run, draft: Draft, now: float) -> tuple[str, str]:
    progress = run.model.progress
    failed = any(node.failure is not None for node in progress.nodes.values())
    match run.stage:
        case Stage.DONE | Stage.UNVERIFIED | Stage.STOPPED | Stage.FAILED if run.rehearsal:
            return _rehearsed(run)
        case Stage.IDLE:
            return "wait", _idle(draft, run.before)
        case Stage.RUNNING | Stage.STOPPING if not progress.nodes:
            asked = count(len(run.spec.nodes) if run.spec else 0, "node")
            return "run", f"{_REHEARSAL if run.rehearsal else ''}examining {asked} … {clock(now - run.began)}"
        case Stage.RUNNING | Stage.STOPPING:
            stopping = "stopping after the current steps · " if run.stage is Stage.STOPPING else ""
            return "bad" if failed else "run", (_REHEARSAL if run.rehearsal else "") + stopping + _under_way(run, now)
        case Stage.DONE:
            _, sentence = node_status.at_end(progress)
            return "good", f"{MARKS['good']} {sentence}   ^N continues"
        case Stage.UNVERIFIED:
            return (
                "warn",
                f"{MARKS['warn']} the cluster is up, but a check failed: ^N shows it, r tries again",
            )
        case Stage.STOPPED:
            return "warn", f"{MARKS['warn']} stopped; nothing is lost: r continues from here"
        case Stage.FAILED:
            done = f" after {clock(progress.elapsed(now))}" if progress.nodes else ""
            return "bad", f"{MARKS['bad']} failed{done}; fix the cause, then r continues from here"


def _idle(draft: Draft, before: str) -> str:
    if draft.problems:
        return f"not yet: the answers have {count(len(draft.problems), 'problem')}; Review lists them (^P)"
    if before:
        return f"b continues: {before}"  # the key first: 80 columns do not hold it all
    nodes = count(len(draft.get(("nodes",), [])), "node")
    return f"b begins the run on {nodes}, and asks first. Nothing has been changed yet."


def _rehearsed(run: Run) -> tuple[str, str]:
    if run.stage is Stage.DONE:
        return "good", f"{MARKS['good']} rehearsed: no host was touched. b asks for the real run"
    ended = "stopped" if run.stage is Stage.STOPPED else "failed"
    return "warn", f"{MARKS['warn']} the rehearsal {ended}; no host was touched. b asks again"


def _under_way(run: Run, now: float) -> str:
    """`1 min 04 s · about 40 s to go · 62 % · 1 node failed`."""
    progress = run.model.progress
    share, steps, elapsed, *more = node_status.of_run(progress, now)
    return " · ".join([elapsed, *more, steps, share.strip()])


class LogHeading(SteadyText):
    """`─ w1 · log ──────── f follow   / search`, with the state of the view."""

    def show(self, node: str | None, view: LogView) -> None:
        name = CLUSTER if node == "" else node or "no node"
        state = "following" if view.follow else f"{view.position}"
        if view.term:
            state += f" · {view.matches} × {view.term}"
        head = f"─ {name} · log · {state} "
        tail = " / search ─" if view.follow else " / search  f follow ─"
        self.set_text(head + "─" * max(0, self.size.width - len(head) - len(tail)) + tail)


class Trouble(VerticalScroll):
    """What went wrong and what to do; hidden while nothing did."""

    DEFAULT_CSS = """
    Trouble { height: auto; max-height: 8; display: none; }
    Trouble Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        yield SteadyText(id="trouble-heading")
        yield SteadyText(id="trouble-text")

    def show(self, run: Run, chosen: str | None) -> None:
        trouble = run.trouble(chosen)
        self.display = trouble is not None
        if trouble is not None:
            head, tail = f"─ {trouble[0]} ", " y copy ─"
            line = "─" * max(0, self.size.width - len(head) - len(tail))
            self.query_one("#trouble-heading", SteadyText).set_text(head + line + tail)
            self.query_one("#trouble-text", SteadyText).set_text(trouble[1])


__all__ = ["LogHeading", "Overall", "Trouble"]
