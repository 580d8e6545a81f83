"""Whatever a node, a file or a server says: no character of it steers the terminal, on any way out of the program."""

from __future__ import annotations

import io
import json
import random
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TextIO, cast

import pytest

from kinstall.engine.diff import Action
from kinstall.engine.events import (
    Event,
    Notice,
    Outcome,
    OutputLine,
    PhaseFinished,
    RunFinished,
    RunStarted,
    StepFinished,
)
from kinstall.engine.preview import PlannedChange
from kinstall.findings import Finding, Severity
from kinstall.report import Commands, page, read_log
from kinstall.state.run_log import RunLog
from kinstall.terminal.console import HarmlessConsole
from kinstall.terminal.display import LiveDisplay
from kinstall.terminal.json_lines import JsonLines
from kinstall.terminal.plain_lines import PlainLines
from kinstall.terminal.stream import HarmlessStream, harmless_streams
from kinstall.terminal.tables import show_findings, show_plan, show_table, show_verify
from kinstall.verify import CheckResult
from kinstall.wording import harmless, without_controls

STEERING = (
    "\x1b]0;title\x07", "\x1b]52;c;aGk=\x1b\\", "\x1b[2J", "\x1b[31;1m", "\x1b(0", "\x1bc", "\x1b", "\x9b31m",
    "\x9d0;x\x9c", "\x07", "\x08", "\x00", "\x7f", "\r", "\v", "\f", "\x85", "\u2028", "\u202e", "\u2066", "\u2069",
)  # fmt: skip
PIECES = (*STEERING, "\r\n", "\n", "\t", "text", "é", "漢", "✓", "[/]", "[bold]", "<b>", "&", '"', " ", "\ud800")
SEEDS = range(30)


def hostile(seed: int) -> str:
    """A text of pieces, always with a letter first and last, so that it is seen."""
    numbers = random.Random(seed)
    return "a" + "".join(numbers.choices(PIECES, k=numbers.randint(1, 25))) + "z"


def steers(text: str) -> list[str]:
    """The characters of a text that a terminal would act upon, or that turn its direction."""
    return [
        each
        for each in text
        if (unicodedata.category(each) == "Cc" and each not in "\n\t")
        or each in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    ]


def events(text: str) -> list[Event]:
    return [
        RunStarted("r", "replay", text, (text,), {text: text, "w1": "worker"}, 3, {}),
        Notice(text, text),
        OutputLine(text, text, text, text),
        StepFinished(text, text, text, Outcome.FAILED, 1.0, text),
        PhaseFinished("w1", text, Outcome.FAILED, 1.0, text),
        RunFinished(Outcome.FAILED, 1, 1, 1, 1.0, text),
    ]


def stream(out: io.StringIO) -> TextIO:
    return cast(TextIO, HarmlessStream(out))


def as_tables(text: str, out: TextIO) -> None:
    show_findings([Finding(text, text, Severity.ERROR, text, text)], out)
    show_plan([PlannedChange(text, text, text, Action.CHANGE, detail=text, diff=text)], [text], out)
    show_verify([CheckResult(text, Outcome.FAILED, text, 1.0, text)], out)
    show_table((text, "b"), [[text, text]], out)


def as_lines(text: str, out: TextIO) -> None:
    with PlainLines(out) as sink:
        for event in events(text):
            sink(event)


def as_json(text: str, out: TextIO) -> None:
    with JsonLines(out) as sink:
        for event in events(text):
            sink(event)


def as_print(text: str, out: TextIO) -> None:
    out.writelines([text, text])
    print(text, text, file=out)


@pytest.mark.parametrize("way", [as_tables, as_lines, as_json, as_print])
def test_no_way_out_lets_a_text_steer_the_terminal(way: Callable[[str, TextIO], None]) -> None:
    """Tables, plain lines, JSON and print, with any text in any place."""
    for seed in SEEDS:
        out = io.StringIO()
        way(hostile(seed), stream(out))
        assert out.getvalue() and steers(out.getvalue()) == [], seed


def test_json_keeps_what_was_said() -> None:
    """There the characters are escaped, not lost: a program gets the text as it was."""
    text = hostile(3)
    out = io.StringIO()
    JsonLines(stream(out))(Notice("w1", text))
    assert json.loads(out.getvalue())["message"] == text


def test_the_live_display_steers_by_itself_only() -> None:
    """Without colours, what is left of its own sequences are the cursor's; everything else is text."""
    for seed in SEEDS:
        text = replace_surrogates(hostile(seed))
        out = io.StringIO()
        console = HarmlessConsole(stream(out), width=80, height=24, color_system=None, force_terminal=True)
        with LiveDisplay(stream(out), console=console) as display:
            for event in events(text):
                display(event)
        own = out.getvalue()
        for sequence in ("\x1b[?25l", "\x1b[?25h", "\x1b[2K", "\x1b[1A", "\r"):
            own = own.replace(sequence, "")
        assert "a" in own and steers(own) == [], seed


def replace_surrogates(text: str) -> str:
    return text.replace("\ud800", "?")


def test_colours_stay() -> None:
    """A terminal's own output is coloured; only the text in it is cleaned."""
    out = io.StringIO()
    console = HarmlessConsole(stream(out), width=80, force_terminal=True, color_system="standard")
    console.print("a\x1b[2Jz", style="red")
    assert "\x1b[31maz\x1b[0m" in out.getvalue()


def test_log_and_report_hold_no_control_character(tmp_path: Path) -> None:
    """Whoever looks at a log with `less -r`, or at the page's source, sees text."""
    for seed in SEEDS:
        (tmp_path / str(seed)).mkdir()
        with RunLog(tmp_path / str(seed), "replay") as log:
            for event in events(hostile(seed)):
                log(event)
        written = log.path.read_text("utf-8")
        assert steers(written) == []
        run = read_log(written.splitlines(), log.path.name)
        html = page(run, None, Commands("kubectl", "admin.conf", "demo.yaml"))
        assert "What went wrong" in html and steers(html) == []


def test_the_standard_streams_are_themselves_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Inside, print is harmless; afterwards, also after an error, the streams are those from before."""
    before = sys.stdout, sys.stderr
    with pytest.raises(KeyError), harmless_streams():
        print("a\x1b[2Jz")
        print("b\x1b]0;x\x07y", file=sys.stderr)
        raise KeyError
    assert (sys.stdout, sys.stderr) == before
    assert tuple(capsys.readouterr()) == ("az\n", "by\n")


def test_what_people_write_stays_as_it_is() -> None:
    """Other languages, tabs and lines; of an escape sequence its words may stay where something counts on its width."""
    for text in ("a\tb\nc", "déjà vu ✓ 漢字", "שלום"):
        assert harmless(text) is text and without_controls(text) is text
    assert harmless("a\x1b]0;x\x07z") == "az" and without_controls("a\x1b]0;x\x07z") == "a]0;xz"
