"""What a run looks like without the wizard: plain lines, JSON, and which of them is chosen."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kinstall.engine.events import (
    Event,
    Notice,
    Outcome,
    OutputLine,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from kinstall.progress.text import clean, clock, duration, rough, summary
from kinstall.terminal import make_sink
from kinstall.terminal.display import LiveDisplay
from kinstall.terminal.json_lines import JsonLines
from kinstall.terminal.plain_lines import PlainLines

ROOT = Path(__file__).parents[3]

RUN: list[Event] = [
    RunStarted("r1", "replay", "demo", ("runtime",), {"cp1": "control-plane", "w1": "worker"}, 6, {"cp1": 3, "w1": 3}),
    PhaseStarted("cp1", "runtime", 3, 2),
    StepFinished("cp1", "runtime", "directory /etc/x", Outcome.OK),
    StepStarted("cp1", "runtime", "file /etc/x/y"),
    StepFinished("cp1", "runtime", "file /etc/x/y", Outcome.CHANGED, 0.01, "create"),
    StepStarted("cp1", "runtime", "unit x.service"),
    OutputLine("cp1", "runtime", "unit x.service", "starting"),
    StepFinished("cp1", "runtime", "unit x.service", Outcome.FAILED, 1.25, "it did not start\nline 7: \x1b[31munknown"),
    PhaseFinished("cp1", "runtime", Outcome.FAILED, 1.5),
    Notice("w1", "waits for the lock"),
    PhaseStarted("w1", "runtime", 3, 0),
    PhaseFinished("w1", "runtime", Outcome.OK, 0.25),
    RunFinished(Outcome.FAILED, 1, 4, 1, 2.0, "1 node failed"),
]


class Clock:
    """A clock that moves only when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_tell_changes_failures_and_phases() -> None:
    """What was right already, and a phase with nothing to do, is not worth a line; a cause is, whole and clean."""
    out, clock_ = io.StringIO(), Clock()
    with PlainLines(out, clock_) as sink:
        for event in RUN:
            sink(event)
            clock_.now += 0.5
    assert out.getvalue().splitlines() == [
        "    0.0 s  replay of demo: 2 nodes, 6 steps",
        "    0.5 s  cp1  runtime: 2 of 3 steps to do",
        "    2.0 s  cp1  runtime  file /etc/x/y: changed: create",
        "    3.5 s  cp1  runtime  unit x.service: FAILED (1.2 s): it did not start",
        "           line 7: unknown",
        "    4.0 s  cp1  runtime: failed in 1.5 s",
        "    4.5 s  w1   note: waits for the lock",
        "    5.5 s  w1   runtime: ok in 0.2 s",
        "    6.0 s  failed: 1 changed, 4 ok, 1 failed, in 2.0 s",
    ]


def test_the_end_says_why_where_no_step_did() -> None:
    """A run that ended without a failed step tells its reason."""
    out = io.StringIO()
    PlainLines(out, Clock())(RunFinished(Outcome.CANCELLED, 1, 2, 0, 3.0, "stopped by the operator"))
    assert out.getvalue().splitlines()[1].strip() == "stopped by the operator"


def test_json_is_one_event_per_line_and_ends_with_the_counts() -> None:
    """A program reads events as they come, and the last line alone tells how it ended."""
    out = io.StringIO()
    with JsonLines(out) as sink:
        for event in RUN:
            sink(event)
    read = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [each["event"] for each in read[:2]] == ["runStarted", "phaseStarted"]
    assert len(read) == len(RUN)
    assert read[-1] == {
        "event": "runFinished",
        "outcome": "failed",
        "changed": 1,
        "ok": 4,
        "failed": 1,
        "seconds": 2.0,
        "message": "1 node failed",
    }


@pytest.mark.parametrize(
    ("output", "terminal", "term", "wanted"),
    [
        ("text", True, "xterm-256color", LiveDisplay),
        ("text", True, "dumb", PlainLines),
        ("text", True, "", PlainLines),
        ("text", False, "xterm-256color", PlainLines),
        ("json", True, "xterm-256color", JsonLines),
    ],
)
def test_the_sink_fits_the_output(
    output: str, terminal: bool, term: str, wanted: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live display only where the cursor can be moved."""
    monkeypatch.setenv("TERM", term)
    assert type(make_sink(output, io.StringIO(), terminal)) is wanted


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_reader_that_goes_away_ends_the_output_quietly(output: str) -> None:
    """`kinstall replay … | head -1`: no traceback, no complaint at exit, and the run goes on to its end."""
    program = (
        "import sys\n"
        "from kinstall.engine.events import Notice\n"
        "from kinstall.terminal import make_sink\n"
        "with make_sink(sys.argv[1], sys.stdout, False) as sink:\n"
        "    for number in range(100_000):\n"
        "        sink(Notice('w1', 'x' * 100))\n"
        "print('went on', sink.broken, file=sys.stderr)\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program, output], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == "went on True\n"
    running.stderr.close()
    assert running.wait(30) == 0


def test_json_needs_no_rich() -> None:
    """Programs that read JSON do not pay for the display's library."""
    program = (
        "import sys\n"
        "from kinstall.terminal import make_sink\n"
        "make_sink('json', sys.stdout, True), make_sink('text', sys.stdout, False)\n"
        "sys.exit('rich' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=dict(os.environ), check=False).returncode == 0


def test_text_from_a_node_cannot_steer_the_terminal() -> None:
    """Escape sequences, carriage returns, bells and direction marks go; words, tabs and line ends stay."""
    hostile = "a\x1b[2J\x1b]0;title\x07b\x1b(Bc\rd\x00\x9b31m\u202ee\tf\r\ng"
    assert clean(hostile) == "abBcd31me    f\ng"


def test_times_read_like_times() -> None:
    """Clock, duration and estimate at the edges where their form changes."""
    assert [clock(each) for each in (0.9, 61, 3723)] == ["0:00", "1:01", "1:02:03"]
    assert [duration(each) for each in (0.04, 9.94, 9.96, 59.6, 64, 3720)] == [
        "0.0 s", "9.9 s", "10 s", "1 min 00 s", "1 min 04 s", "1 h 02 min",
    ]  # fmt: skip
    assert [rough(each) for each in (0.1, 41, 61, 299, 301)] == ["5 s", "45 s", "1 min 10 s", "5 min 00 s", "6 min"]


def test_a_run_that_changed_nothing_says_so() -> None:
    """The second replay's last words; and each other way to end."""
    assert summary(Outcome.OK, 0, 51, 0, 2.1) == "nothing changed: 51 ok, in 2.1 s"
    assert summary(Outcome.CHANGED, 3, 48, 0, 64).startswith("done: 3 changed, 48 ok")
    assert summary(Outcome.CANCELLED, 0, 4, 0, 1).startswith("stopped: ")
    assert summary(Outcome.FAILED, 0, 4, 1, 1).startswith("failed: ")
