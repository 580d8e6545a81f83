"""When each node was in which phase, and the chart that shows it."""

from __future__ import annotations

from kinstall.engine.events import (
    Event,
    Outcome,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunStarted,
    StepFinished,
)
from kinstall.progress.timeline import GLYPHS, Lane, Span, Timeline, TimelineFold, chart, tick_step, timeline_of

PHASES = ("runtime", "images", "control-plane", "network")


def started(run: str = "r") -> RunStarted:
    return RunStarted(run, "replay", "demo", PHASES, {"cp1": "control-plane", "w1": "worker"}, 4)


def begins(node: str, phase: str) -> PhaseStarted:
    return PhaseStarted(node, phase, 1, 1)


def ends(node: str, phase: str, outcome: Outcome = Outcome.CHANGED, seconds: float = 0.0) -> PhaseFinished:
    return PhaseFinished(node, phase, outcome, seconds)


RUN: list[tuple[float, Event]] = [
    (100.0, started()),
    (100.0, begins("cp1", "runtime")),
    (100.0, begins("w1", "runtime")),
    (110.0, ends("w1", "runtime")),
    (120.0, ends("cp1", "runtime")),
    (120.0, begins("cp1", "images")),
    (140.0, ends("cp1", "images")),
    (130.0, begins("w1", "images")),
    (140.0, ends("w1", "images", Outcome.FAILED)),
    (140.0, begins("", "verify")),
    (150.0, ends("", "verify", Outcome.OK)),
    (150.0, RunFinished(Outcome.FAILED, 3, 0, 1, 50.0)),
]


def test_spans_are_seconds_since_the_start() -> None:
    """Nodes in the answers' order, the cluster's own phase last; phases that no node was in are left out."""
    timeline = timeline_of(RUN)
    assert timeline.seconds == 50.0
    assert timeline.phases == ("runtime", "images", "verify")
    assert timeline.lanes == (
        Lane(
            "cp1",
            "control-plane",
            (Span("runtime", 0, 20, Outcome.CHANGED), Span("images", 20, 40, Outcome.CHANGED)),
        ),
        Lane("w1", "worker", (Span("runtime", 0, 10, Outcome.CHANGED), Span("images", 30, 40, Outcome.FAILED))),
        Lane("", "", (Span("verify", 40, 50, Outcome.OK),)),
    )


def test_what_runs_ends_now() -> None:
    """A phase that has begun grows with the clock, and ends with the run where nobody told how."""
    fold = TimelineFold()
    for at, event in RUN[:3]:
        fold.fold(event, at)
    assert fold.timeline(104.0).lanes[0].spans == (Span("runtime", 0, 4),)
    assert fold.timeline(108.0).seconds == 8.0
    fold.fold(RunFinished(Outcome.CANCELLED, 0, 0, 0, 9.0), 109.0)
    assert fold.timeline(300.0).lanes[1].spans == (Span("runtime", 0, 9),)


def test_events_that_are_missing_leave_no_hole() -> None:
    """A log that begins late: a phase without its beginning, and one that another follows without its end."""
    timeline = timeline_of(
        [
            (10.0, started()),
            (20.0, ends("cp1", "runtime", seconds=4.0)),
            (30.0, StepFinished("w1", "images", "pull", Outcome.OK, 5.0)),
            (40.0, begins("w1", "network")),
        ]
    )
    assert timeline.lanes[0].spans == (Span("runtime", 6, 10, Outcome.CHANGED),)
    assert timeline.lanes[1].spans == (Span("images", 15, 30), Span("network", 30, 30))


def test_a_phase_that_is_tried_again_has_two_spans() -> None:
    """The first stays with its outcome."""
    timeline = timeline_of(
        [
            (0.0, started()),
            (0.0, begins("w1", "images")),
            (5.0, ends("w1", "images", Outcome.UNREACHABLE)),
            (8.0, begins("w1", "images")),
            (9.0, ends("w1", "images")),
        ]
    )
    assert timeline.lanes[1].spans == (
        Span("images", 0, 5, Outcome.UNREACHABLE),
        Span("images", 8, 9, Outcome.CHANGED),
    )


def test_another_run_begins_anew() -> None:
    """Nothing of the last one stays."""
    fold = TimelineFold()
    for at, event in RUN:
        fold.fold(event, at)
    fold.fold(started("second"), 500.0)
    assert fold.timeline(500.0) == Timeline((Lane("cp1", "control-plane", ()), Lane("w1", "worker", ())), (), 0.0)


def test_the_chart_of_a_run() -> None:
    """An axis, a line per node with a glyph per phase, a mark where a phase ended badly, the legend."""
    assert [str(line) for line in chart(timeline_of(RUN), 59)] == [
        "         0         10        20        30        40    50 s",
        "cp1      ░░░░░░░░░░░░░░░░░░░░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒",
        "w1       ░░░░░░░░░░                    ▒▒▒▒▒▒▒▒▒▒✗",
        "cluster                                          ▄▄▄▄▄▄▄▄▄▄",
        "░ runtime  ▒ images  ▄ verify",
    ]


def test_the_chart_in_ascii() -> None:
    """Letters of the phases' names; no two phases share one."""
    lanes = (Lane("w1", "worker", (Span("network", 0, 1), Span("nodes", 1, 2), Span("n", 2, 4, Outcome.FAILED))),)
    lines = [str(line) for line in chart(Timeline(lanes, ("network", "nodes", "n"), 4.0), 20, ascii_only=True)]
    assert lines[1] == "w1  nnnnooooNNNNNNNx"
    assert lines[2:] == ["n network  o nodes", "N n"]
    assert all(line.isascii() for line in lines)


def test_no_line_is_wider_than_asked() -> None:
    """Long names are cut, the legend goes on in further lines, and many nodes are counted."""
    spans = tuple(Span(f"phase-{n}", n, n + 1, Outcome.OK) for n in range(12))
    lanes = tuple(Lane(f"a-node-with-a-long-name-{n}", "worker", spans) for n in range(30))
    timeline = Timeline(lanes, tuple(span.phase for span in spans), 12.0)
    for width in range(10, 130):
        lines = [str(line) for line in chart(timeline, width, max_lanes=5)]
        assert all(len(line) <= width for line in lines), width
    assert "… 25 more nodes" in lines
    drawn = {segment.text[0] for line in chart(timeline, 100)[1:2] for segment in line.segments if segment.phase}
    assert len(drawn) == 12
    assert drawn > set(GLYPHS)


def test_a_short_phase_is_seen_where_nothing_else_is() -> None:
    """A tenth of a second in a run of a minute takes one cell; beside a longer one it does not hide it."""
    alone = Timeline((Lane("w1", "", (Span("a", 30.0, 30.1),)),), ("a",), 60.0)
    assert str(chart(alone, 34)[1]).count("░") == 1
    beside = Timeline(
        (Lane("w1", "", (Span("a", 0, 30.0), Span("b", 30.0, 30.1), Span("a", 30.1, 60))),), ("a", "b"), 60.0
    )
    assert "▒" not in str(chart(beside, 34)[1])


def test_a_run_without_nodes_or_time_has_no_chart() -> None:
    """Nothing is drawn, and nothing is divided by zero."""
    assert chart(Timeline(), 80) == ()
    assert len(chart(Timeline((Lane("w1", "", (Span("a", 0, 0),)),), ("a",), 0.0), 80)) == 3
    assert timeline_of([]) == Timeline()


def test_ticks_stand_at_round_seconds() -> None:
    """As many as there is room for, from seconds to days."""
    assert [tick_step(seconds, 6) for seconds in (4, 50, 98, 700, 10**7)] == [1, 10, 20, 120, 86400]
