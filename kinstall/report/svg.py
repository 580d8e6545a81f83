"""The timeline as an inline SVG: a bar per phase and node, labelled if there is room, else only in its title."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.progress.model import BAD
from kinstall.progress.text import duration
from kinstall.progress.timeline import Lane, Span, Timeline, tick_step
from kinstall.report.markup import Html, element, joined
from kinstall.wording import cut

# Dark enough for white letters, in light and in dark pages.
COLOURS = ("#3f6f8f", "#3f7040", "#8a6a00", "#6d4f6a", "#8f4a12", "#2c5484", "#50691a", "#843f4a", "#5a5a5a")
_WIDTH, _NAMES, _ROW, _TOP = 960.0, 150.0, 26.0, 24.0
_LETTER = 6.6
"""Width of a letter in the bars, about; a name that does not fit is only in the title."""


def timeline_svg(timeline: Timeline) -> Html:
    """The chart, as wide as the page. Empty where there is nothing to draw."""
    lanes = [lane for lane in timeline.lanes if lane.spans]
    if not lanes or timeline.seconds <= 0:
        return Html("")
    height = _TOP + _ROW * len(lanes) + 4
    colours = {phase: COLOURS[index % len(COLOURS)] for index, phase in enumerate(timeline.phases)}
    drawn = [*_axis(timeline, height)]
    for index, lane in enumerate(lanes):
        drawn += _lane(lane, _TOP + _ROW * index, timeline.seconds, colours)
    chart = element(
        "svg", *drawn, viewBox=f"0 0 {_WIDTH:g} {height:g}", role="img", aria_label="Phases of each node over time"
    )
    return joined(chart, element("p", *_legend(colours), class_="legend"))


def _x(seconds: float, total: float) -> float:
    return round(_NAMES + seconds / total * (_WIDTH - _NAMES - 10), 1)


def _axis(timeline: Timeline, height: float) -> Iterator[Html]:
    for at in range(0, int(timeline.seconds) + 1, tick_step(timeline.seconds, 8)):
        x = _x(at, timeline.seconds)
        yield element("line", x1=x, x2=x, y1=_TOP - 6, y2=height, class_="tick")
        yield element("text", f"{at} s", x=x, y=12, text_anchor="middle" if at else "start", class_="axis")


def _lane(lane: Lane, y: float, total: float, colours: dict[str, str]) -> Iterator[Html]:
    yield element("text", cut(lane.node or "cluster", 20), x=0, y=y + 15)
    for span in lane.spans:
        x = _x(span.start, total)
        width = max(1.5, round(_x(span.end, total) - x, 1))
        bad = span.outcome in BAD
        name = f"✗ {span.phase}" if bad else span.phase
        yield element(
            "g",
            element("title", _title(lane, span)),
            element(
                "rect", x=x, y=y, width=width, height=_ROW - 6, fill=colours[span.phase], class_="bad" if bad else "bar"
            ),
            element("text", name, x=x + 4, y=y + 14, class_="in") if len(name) * _LETTER + 6 < width else "",
        )


def _title(lane: Lane, span: Span) -> str:
    ended = span.outcome.value if span.outcome else "did not end"
    return f"{lane.node or 'cluster'}: {span.phase}, {duration(span.seconds)}, {ended}"


def _legend(colours: dict[str, str]) -> Iterator[Html]:
    for phase, colour in colours.items():
        box = element("rect", width=12, height=12, fill=colour)
        yield element("span", element("svg", box, width=12, height=12, aria_hidden="true"), f" {phase}")
