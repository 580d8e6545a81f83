"""The live display: its frames as text, and its thread."""

import io
import threading
import time

import pytest

from kinstall.engine.events import (
    Event,
    Notice,
    Outcome,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from kinstall.progress.model import Progress
from kinstall.progress.text import shorten
from kinstall.terminal.colours import Painter
from kinstall.terminal.console import HarmlessConsole
from kinstall.terminal.display import LiveDisplay

NODES = {"cp1": "control-plane", "w1": "worker", "w2": "worker", "w3": "worker"}
LONG = "file /etc/containerd/certs.d/registry.example.org/a/very/long/path/that/cannot/fit/hosts.toml"

EVENTS: list[Event] = [
    RunStarted("r1", "replay", "demo", ("runtime", "control-plane"), NODES, 20, dict.fromkeys(NODES, 5)),
    PhaseStarted("cp1", "control-plane", 5, 3),
    StepStarted("cp1", "control-plane", LONG),
    PhaseStarted("w1", "runtime", 5, 2),
    StepStarted("w1", "runtime", "unit containerd.service"),
    StepFinished("w1", "runtime", "unit containerd.service", Outcome.FAILED, 1.0, "config.toml line 7: unknown key"),
    PhaseFinished("w1", "runtime", Outcome.FAILED, 3.0),
    PhaseStarted("w2", "runtime", 5, 1),
    StepStarted("w2", "runtime", "file /etc/x"),
    StepFinished("w2", "runtime", "file /etc/x", Outcome.CHANGED, 0.1),
    PhaseFinished("w2", "runtime", Outcome.CHANGED, 2.0),
]


def progress_of(events: list[Event]) -> Progress:
    progress = Progress()
    for event in events:
        progress.fold(event, 100.0)
    return progress


def frame(
    events: list[Event], *, width: int = 80, height: int = 24, now: float = 107.0, encoding: str = "utf-8"
) -> str:
    """The frame as text; rich would fold or crop what does not fit, so a fold shows as a further line."""
    out = io.StringIO()
    console = HarmlessConsole(out, width=width, height=height, color_system=None, force_terminal=True)
    console.print(Painter.for_encoding(encoding).frame(progress_of(events), now, width, height))
    return out.getvalue()


def test_a_frame_has_a_line_per_node_and_one_for_the_run() -> None:
    """Phase, step, bar and time of what runs; a failure, an end and a wait in words beside their marks."""
    lines = [line.rstrip() for line in frame(EVENTS).splitlines()]
    assert lines == [
        "⠋ cp1 control-plane file …g/path/that/cannot/fit/hosts.toml ━━━━━───────    0:07",
        "✗ w1  runtime       failed: unit containerd.service         ━━━━━━━━━━──    0:03",
        "✓ w2  done          1 changed, 4 ok                         ━━━━━━━━━━━━    0:02",
        "· w3                waiting                                 ────────────    0:00",
        "  ━━━━━━━━━───────  55 %  11 of 20 steps  0:07  about 10 s left  1 node failed",
    ]


def test_before_the_run_there_is_one_line() -> None:
    """While the nodes are looked at there is nothing to count yet."""
    assert frame([]).strip() == "⠋ examining the nodes"


@pytest.mark.parametrize("width", [60, 80, 81, 120, 200])
def test_nothing_wraps(width: int) -> None:
    """Whatever the names' lengths, each node has one line, not wider than the terminal."""
    names = {"a-control-plane-with-a-very-long-name.example.org": "control-plane", "w1": "worker"}
    events: list[Event] = [
        RunStarted("r", "replay", "demo", ("a-phase-with-a-long-name",), names, 2000, {}),
        *(PhaseStarted(name, "a-phase-with-a-long-name", 900, 800) for name in names),
        *(StepStarted(name, "a-phase-with-a-long-name", LONG + "\nsecond line\t\x1b[2J") for name in names),
    ]
    lines = frame(events, width=width, now=100_000.0).splitlines()
    assert len(lines) == 3
    assert all(len(line) <= width for line in lines)


def test_many_nodes_show_those_that_matter() -> None:
    """40 nodes in 10 rows: the failed one and those at work are shown, the rest counted; the cursor can go back."""
    nodes = {f"n{number:02}": "worker" for number in range(40)}
    events: list[Event] = [
        RunStarted("r", "replay", "demo", ("p",), nodes, 80, dict.fromkeys(nodes, 2)),
        PhaseStarted("n38", "p", 2, 2),
        PhaseStarted("n39", "p", 2, 2),
        StepFinished("n39", "p", "file /x", Outcome.FAILED, 0.0, "no"),
    ]
    text = frame(events, height=10)
    assert len(text.splitlines()) <= 9
    assert "n39" in text
    assert "n38" in text
    assert "34 more nodes" in text


def test_the_last_frame_tells_the_end() -> None:
    """A run that changed nothing, and one that left a node unfinished."""
    whole: list[Event] = [*EVENTS[:1], *(PhaseStarted(name, "runtime", 5, 0) for name in NODES)]
    ended = [PhaseFinished(name, "runtime", Outcome.OK, 0.4) for name in NODES]
    text = frame([*whole, *ended, RunFinished(Outcome.OK, 0, 20, 0, 2.1)])
    assert "✓ replay of demo: nothing changed: 20 ok, in 2.1 s" in text
    assert text.count("✓") == 5
    skipped = [
        *EVENTS,
        PhaseFinished("w3", "control-plane", Outcome.SKIPPED, 0.0),
        RunFinished(Outcome.FAILED, 1, 9, 1, 3),
    ]
    assert "– w3  control-plane skipped: an earlier phase failed" in frame(skipped)


def test_checks_of_the_cluster_have_a_row_of_their_own() -> None:
    """Events without a node are shown under the cluster's name for it."""
    text = frame([*EVENTS, PhaseStarted("", "verify", 12, 12), StepStarted("", "verify", "DNS inside")])
    assert "cluster verify" in text
    assert "DNS inside" in text


def test_without_utf8_there_are_ascii_marks() -> None:
    """An old terminal gets characters that it has."""
    frame(EVENTS, encoding="ascii").encode("ascii")


def test_paths_are_cut_in_front() -> None:
    """The end of a path says more than its beginning; the kind of step stays."""
    assert shorten("file /a/b/c/d.conf", 12) == "file …d.conf"
    assert shorten("file /a", 12) == "file /a"
    assert shorten("averylongwordwithoutablank", 10) == "…outablank"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> tuple[io.StringIO, HarmlessConsole]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = io.StringIO()
    return out, HarmlessConsole(out, width=80, height=24, force_terminal=True, color_system="standard")


def test_failures_and_notices_stay_above(terminal: tuple[io.StringIO, HarmlessConsole]) -> None:
    """They are printed once, whole, with their cause; hostile text in them is cleaned."""
    out, console = terminal
    with LiveDisplay(out, console=console) as display:
        for event in EVENTS:
            display(event)
        display(Notice("w3", "waits \x1b[2Jfor [bold]the[/bold] lock"))
        display(PhaseFinished("w3", "runtime", Outcome.UNREACHABLE, 1.0, "no route to host"))
        display(RunFinished(Outcome.FAILED, 1, 9, 1, 3.0, "w1 failed"))
    text = out.getvalue()
    assert text.count("config.toml line 7: unknown key") == 1
    assert "w1  runtime  unit containerd.service: failed" in text
    assert "waits for [bold]the[/bold] lock" in text
    assert "no route to host" in text
    assert "\x1b[2J" not in text
    assert text.endswith("\x1b[?25h")  # the cursor is back


def test_threads_only_append(terminal: tuple[io.StringIO, HarmlessConsole]) -> None:
    """20,000 events from four threads cost the callers next to nothing and none is lost."""
    out, console = terminal
    with LiveDisplay(out, console=console) as display:

        def talk(node: str) -> None:
            for number in range(5000):
                display(StepFinished(node, "p", str(number), Outcome.CHANGED, 0.0))

        threads = [threading.Thread(target=talk, args=(f"n{number}",)) for number in range(4)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - began < 2.0
    assert [node.counts[Outcome.CHANGED] for node in display.progress.nodes.values()] == [5000] * 4


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR leaves words and marks, without one colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    console = HarmlessConsole(out, width=80, height=24, force_terminal=True)
    with LiveDisplay(out, console=console) as display:
        for event in EVENTS:
            display(event)
    for colour in range(30, 38):
        assert f"\x1b[{colour}m" not in out.getvalue()
    assert "✗" in out.getvalue()


def test_the_terminal_is_put_right_after_an_error(terminal: tuple[io.StringIO, HarmlessConsole]) -> None:
    """An exception in the run leaves a visible cursor and a stopped thread."""
    out, console = terminal
    with pytest.raises(RuntimeError), LiveDisplay(out, console=console):
        raise RuntimeError
    assert out.getvalue().endswith("\x1b[?25h")
    assert not [thread for thread in threading.enumerate() if thread.name == "kinstall-display"]
