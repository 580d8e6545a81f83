"""The lines of the Install screen that are more than a table or a log: the whole run, headings, what went wrong."""

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
from screens.text import Quiet

_COLOURS = {"good": "ansi_green", "warn": "ansi_yellow", "bad": "ansi_red", "run": "ansi_cyan", "wait": "", "skip": ""}


class Overall(Quiet):
    """Two lines: in words how far the run is, and its bar."""

    def show(self, run: Run, draft: Draft, now: float) -> None:
        width = max(20, self.size.width)
        kind, words = _words(run, draft, now)
        progress = run.model.progress
        share = 1.0 if run.stage is Stage.DONE else progress.fraction
        full = node_status.cells(share, width)
        bar = Content.styled("━" * full, _COLOURS[kind]) + Content.styled("─" * (width - full), "dim")
        self.say(Content("\n").join([Content(words), bar]))


def _words(run: Run, draft: Draft, now: float) -> tuple[str, str]:
    progress = run.model.progress
    failed = any(node.failure is not None for node in progress.nodes.values())
    match run.stage:
        case Stage.IDLE:
            return "wait", _idle(draft, run.before)
        case Stage.RUNNING | Stage.STOPPING if not progress.nodes:
            asked = count(len(run.spec.nodes) if run.spec else 0, "node")
            return "run", f"examining {asked} … {clock(now - run.began)}"
        case Stage.RUNNING | Stage.STOPPING:
            stopping = "stopping after the steps that run · " if run.stage is Stage.STOPPING else ""
            return "bad" if failed else "run", stopping + _under_way(run, now)
        case Stage.DONE:
            _, sentence = node_status.at_end(progress)
            return "good", f"{MARKS['good']} {sentence}   ^N goes on"
        case Stage.UNVERIFIED:
            return (
                "warn",
                f"{MARKS['warn']} the cluster stands, but a check failed: ^N shows it, r tries again",
            )
        case Stage.STOPPED:
            return "warn", f"{MARKS['warn']} stopped; nothing is lost: r goes on from here"
        case Stage.FAILED:
            done = f" after {clock(progress.elapsed(now))}" if progress.nodes else ""
            return "bad", f"{MARKS['bad']} failed{done}; mend it, and r goes on from here"


def _idle(draft: Draft, before: str) -> str:
    if draft.problems:
        return f"not yet: the answers have {count(len(draft.problems), 'problem')}; Review lists them (^P)"
    if before:
        return f"^N goes on: {before}"  # the key first: 80 columns do not hold it all
    nodes = draft.get(("nodes",), [])
    which = f"{len(nodes)} nodes" if len(nodes) != 1 else "the node"
    return f"^N begins the run on {which}. Nothing has been touched yet."


def _under_way(run: Run, now: float) -> str:
    """`1 min 04 s · about 40 s to go · 62 % · 1 node failed`."""
    progress = run.model.progress
    share, steps, elapsed, *more = node_status.of_run(progress, now)
    return " · ".join([elapsed, *more, steps, share.strip()])


class LogHeading(Quiet):
    """`─ w1 · log ──────── f follow   / search`, with what the view does now."""

    def show(self, node: str | None, view: LogView) -> None:
        name = CLUSTER if node == "" else node or "no node"
        state = "following" if view.follow else f"{view.line_words}"
        if view.term:
            state += f" · {view.matches} × {view.term}"
        head = f"─ {name} · log · {state} "
        tail = " / search ─" if view.follow else " / search  f follow ─"
        self.say(head + "─" * max(0, self.size.width - len(head) - len(tail)) + tail)


class Trouble(VerticalScroll):
    """What went wrong and what to do; not there while nothing did."""

    DEFAULT_CSS = """
    Trouble { height: auto; max-height: 8; display: none; }
    Trouble Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        yield Quiet(id="trouble-heading")
        yield Quiet(id="trouble-text")

    def show(self, run: Run, chosen: str | None) -> None:
        found = run.trouble(chosen)
        self.display = found is not None
        if found is not None:
            head = f"─ {found[0]} "
            self.query_one("#trouble-heading", Quiet).say(head + "─" * max(0, self.size.width - len(head)))
            self.query_one("#trouble-text", Quiet).say(found[1])


__all__ = ["LogHeading", "Overall", "Trouble"]
