"""When each node was in which phase: a fold over a run's events, and a chart of it in text. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kinstall.engine.events import Event, Outcome, PhaseFinished, PhaseStarted, RunFinished, RunStarted, StepFinished
from kinstall.progress.model import BAD
from kinstall.wording import cut

GLYPHS = "░▒▄█▀▓▌▐■"
"""One per phase, in their order; all are in the fonts of a bare console. ASCII draws with letters of the name."""

_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_NAME_WIDTH = 20
_TICK_ROOM = 9


@dataclass(frozen=True, slots=True)
class Span:
    """A phase on a node, in seconds since the run's start; `outcome` is None while it runs or if not reported."""

    phase: str
    start: float
    end: float
    outcome: Outcome | None = None

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Lane:
    """One node's spans in the order of their beginning; the name is empty for the cluster as a whole (verify)."""

    node: str
    role: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """`phases` in the order of their display, only those that a lane has; `seconds` of the whole run so far."""

    lanes: tuple[Lane, ...] = ()
    phases: tuple[str, ...] = ()
    seconds: float = 0.0


class TimelineFold:
    """Takes in events with the time they came at (seconds of any monotonic clock). A node is in one phase at a time."""

    def __init__(self) -> None:
        self._run = ""
        self._began: float | None = None
        self._ended: float | None = None
        self._order: dict[str, None] = {}
        self._roles: dict[str, str] = {}
        self._spans: dict[str, list[Span]] = {}
        self._open: dict[str, tuple[str, float]] = {}

    def fold(self, event: Event, at: float) -> None:
        if isinstance(event, RunStarted) and self._run not in ("", event.run):
            self.__init__()  # type: ignore[misc]  # another run begins: nothing of the last one stays
        if self._began is None:
            self._began = at
        if isinstance(event, RunStarted):
            self._run = event.run
            self._order = dict.fromkeys((*event.phases, *self._order))
            self._roles = dict(event.nodes)
        elif isinstance(event, PhaseStarted):
            self._enter(event.node, event.phase, at, at)
        elif isinstance(event, PhaseFinished):
            self._leave(event.node, event.phase, max(self._began, at - event.seconds), at, event.outcome)
        elif isinstance(event, StepFinished) and self._open.get(event.node, ("",))[0] != event.phase:
            # A step of a phase whose start was not reported: the phase took at least as long as the step.
            self._enter(event.node, event.phase, max(self._began, at - event.seconds), at)
        elif isinstance(event, RunFinished):
            self._ended = at

    def timeline(self, now: float | None = None) -> Timeline:
        """What is known; what runs still ends `now`, on the clock of fold(), or with the run."""
        if self._began is None:
            return Timeline()
        began = self._began
        times = [span.end for spans in self._spans.values() for span in spans]
        times += [start for _, start in self._open.values()]
        last = max(times, default=began)
        until = max(last, self._ended if self._ended is not None else last if now is None else now)
        # In the order of the answers; the cluster as a whole, which no list of nodes names, comes last.
        names = dict.fromkeys((*self._roles, *self._spans, *self._open))
        lanes = tuple(Lane(name, self._roles.get(name, ""), self._shifted(name, began, until)) for name in names)
        used = {span.phase for lane in lanes for span in lane.spans}
        return Timeline(lanes, tuple(phase for phase in self._order if phase in used), until - began)

    def _shifted(self, node: str, began: float, until: float) -> tuple[Span, ...]:
        spans = list(self._spans.get(node, ()))
        if node in self._open:
            phase, start = self._open[node]
            spans.append(Span(phase, start, until))
        return tuple(replace(span, start=span.start - began, end=span.end - began) for span in spans)

    def _enter(self, node: str, phase: str, start: float, at: float) -> None:
        if node in self._open:  # the end of the last one was not reported
            self._leave(node, self._open[node][0], at, at, None)
        self._order.setdefault(phase)
        self._open[node] = (phase, start)

    def _leave(self, node: str, phase: str, start: float, at: float, outcome: Outcome | None) -> None:
        """A phase ends; `start` is used if its start was not reported."""
        if self._open.get(node, ("",))[0] != phase:
            self._enter(node, phase, start, at)
        _, start = self._open.pop(node)
        self._spans.setdefault(node, []).append(Span(phase, start, at, outcome))


def timeline_of(events: Iterable[tuple[float, Event]]) -> Timeline:
    """The timeline of a whole run: (seconds, event) in the order in which they came."""
    fold, at = TimelineFold(), None
    for at, event in events:
        fold.fold(event, at)
    return fold.timeline(at)


# The chart


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a line; `phase` names what it draws, and is empty for names, the axis and blanks."""

    text: str
    phase: str = ""


@dataclass(frozen=True, slots=True)
class ChartLine:
    segments: tuple[Segment, ...]

    def __str__(self) -> str:
        return "".join(segment.text for segment in self.segments).rstrip()


def chart(
    timeline: Timeline, width: int, *, ascii_only: bool = False, max_lanes: int | None = None
) -> tuple[ChartLine, ...]:
    """The timeline in lines of at most `width` columns: an axis, a line per node, the legend.

    Each phase has a glyph of its own, so that colour is not needed. A phase that ended badly ends in ✗. Where there
    are more nodes than `max_lanes`, the last line of them says how many are left out.
    """
    shown = timeline.lanes if max_lanes is None else timeline.lanes[: max(1, max_lanes)]
    labels = [lane.node or "cluster" for lane in shown]
    names = min(_NAME_WIDTH, max(map(len, labels), default=0))
    room = width - names - 2
    if room < 10 or not shown:
        return ()
    glyphs = _glyphs(timeline.phases, ascii_only)
    bad, more = ("x", "..") if ascii_only else ("✗", "…")
    lines = [ChartLine((Segment(" " * (names + 2)), Segment(_axis(timeline.seconds, room))))]
    for label, lane in zip(labels, shown, strict=True):
        cells = _cells(lane, timeline.seconds, room)
        lines.append(ChartLine((Segment(f"{cut(label, names, more):<{names}}  "), *_segments(cells, glyphs, bad))))
    if len(shown) < len(timeline.lanes):
        lines.append(ChartLine((Segment(f"{more} {len(timeline.lanes) - len(shown)} more nodes"),)))
    return (*lines, *_legend(glyphs, width))


def tick_step(seconds: float, ticks: int) -> int:
    """The distance of an axis' ticks in seconds, so that there are at most `ticks` of them."""
    return next((step for step in _STEPS if seconds / step <= max(1, ticks)), _STEPS[-1])


def _glyphs(phases: Sequence[str], ascii_only: bool) -> dict[str, str]:
    glyphs: dict[str, str] = {}
    for index, phase in enumerate(phases):
        if not ascii_only and index < len(GLYPHS):
            glyphs[phase] = GLYPHS[index]
        else:
            letters = (*phase, *phase.upper(), *"0123456789")
            glyphs[phase] = next((each for each in letters if each.isalnum() and each not in glyphs.values()), "?")
    return glyphs


def _axis(seconds: float, room: int) -> str:
    end = f"{seconds:.0f} s"
    cells = [" "] * room
    step = tick_step(seconds, room // _TICK_ROOM)
    for at in range(0, int(seconds) + 1, step):
        column, text = int(at / seconds * room) if seconds else 0, str(at)
        if column + len(text) < room - len(end):
            cells[column : column + len(text)] = text
    cells[room - len(end) :] = end
    return "".join(cells)


_Cell = tuple[str, bool]
"""A phase (empty: nothing), and whether the cell is the last of a span that ended badly."""


def _cells(lane: Lane, seconds: float, room: int) -> list[_Cell]:
    """What covers most of each cell. A short phase shows where nothing else is."""
    share = [0.0] * room
    cells: list[_Cell] = [("", False)] * room
    per_cell = seconds / room if seconds else 1.0
    for span in lane.spans:
        first, last = int(span.start / per_cell), min(room - 1, int(span.end / per_cell))
        for column in range(first, last + 1):
            part = min(span.end, (column + 1) * per_cell) - max(span.start, column * per_cell)
            if part > share[column]:
                share[column], cells[column] = part, (span.phase, False)
        if span.outcome in BAD:
            cells[last], share[last] = (span.phase, True), per_cell
    return cells


def _segments(cells: Sequence[_Cell], glyphs: Mapping[str, str], bad: str) -> Iterator[Segment]:
    """Neighbours of one phase become one piece, so that a screen draws few of them."""
    text, current = "", ""
    for phase, failed in cells:
        if phase != current and text:
            yield Segment(text, current)
            text = ""
        current = phase
        text += bad if failed else glyphs.get(phase, " ")
    yield Segment(text, current)


def _legend(glyphs: Mapping[str, str], width: int) -> Iterator[ChartLine]:
    line: list[Segment] = []
    used = 0
    for phase, glyph in glyphs.items():
        needed = len(phase) + 4
        if line and used + needed > width:
            yield ChartLine(tuple(line))
            line, used = [], 0
        line += [Segment(glyph, phase), Segment(f" {phase}  ")]
        used += needed
    if line:
        yield ChartLine(tuple(line))
