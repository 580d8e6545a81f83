"""The report: one HTML page of the last run, made from its log, that shows all and leaks nothing."""

from __future__ import annotations

import json
import stat
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kinstall.answers.load import load
from kinstall.cli import main
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
    as_dict,
)
from kinstall.errors import UsageError
from kinstall.operations.replay import replay
from kinstall.report import Commands, Run, last_run, newest_state, page, read_log, write
from kinstall.secrets import Redactor
from kinstall.state.folder import StateFolder
from kinstall.state.run_log import RunLog, tee
from tests.unit.operations.world import SPEC, World

EXAMPLE = Path(__file__).parents[3] / "kinstall/answers/examples/minimal.yaml"
BEGAN = datetime(2026, 11, 24, 2, 30, 5, tzinfo=UTC)
COMMANDS = Commands("kubectl", "/state/admin.conf", "demo.yaml")
CANARY = "hunter2-canary"
VERIFIED = (
    PhaseStarted("", "verify", 0, 0),
    StepFinished("", "verify", "nodes ready", Outcome.OK, 0.4, "3 of 3"),
    StepFinished("", "verify", "dns outside", Outcome.SKIPPED, 0.0, "the hosts have no resolver"),
    PhaseFinished("", "verify", Outcome.OK, 2.0),
)


class Tags(HTMLParser):
    """All tags and attributes of a page; raises where they do not fit into one another."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(content)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def started(command: str = "replay") -> RunStarted:
    phases = ("runtime", "images") if command == "replay" else ("undo",)
    return RunStarted("r", command, "demo", phases, {"cp1": "control-plane", "w1": "worker"}, 4)


def log_lines(*events: Event) -> list[str]:
    """A log with an event per second."""
    times = (BEGAN + timedelta(seconds=index) for index in range(len(events)))
    return [json.dumps({"time": time.isoformat(), **as_dict(event)}) for time, event in zip(times, events, strict=True)]


def told(*events: Event) -> Run:
    return read_log(log_lines(*events), "20261124T023005Z-replay.log")


def on_w1(outcome: Outcome, message: str = "", step: str = "file /etc/hosts") -> tuple[Event, ...]:
    return (
        PhaseStarted("w1", "runtime", 2, 1),
        StepFinished("w1", "runtime", step, outcome, 0.3, message),
        PhaseFinished("w1", "runtime", outcome, 1.0),
    )


def kept(state: StateFolder, *events: Event, name: str = "20261124T023005Z-replay.log") -> StateFolder:
    state.prepare()
    state.write(state.runs / name, "\n".join(log_lines(*events)) + "\n")
    return state


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def test_a_run_from_its_log_to_its_page(tmp_path: Path) -> None:
    """Three nodes in memory are built; the page names each, what was changed there, and how long its phases took."""
    world = World(tmp_path)
    options = world.options()
    options.state.prepare()
    with RunLog(options.state.runs, "replay") as log:
        replay(SPEC, options, options.secrets.redactor.sink(tee(log, world.events.append)))
    content = write(options.state, named="demo.yaml").read_text()
    words = " ".join(Tags(content).words)
    changed = [e for e in world.events if isinstance(e, StepFinished) and e.outcome is Outcome.CHANGED]
    for node in SPEC.nodes:
        mine = len({event.step for event in changed if event.node == node.name})
        assert mine > 20
        assert f"{node.name} ({node.role}): {mine} changed" in words
        assert node.address in words
    assert all(event.step in words for event in changed if "'" not in event.step)
    assert "cluster demo was changed, but not verified: 3 nodes, Kubernetes 1.37.2" in words
    assert "control-plane" in words and "<svg" in content
    assert f"--kubeconfig {options.state.admin_conf} get nodes" in words


def test_the_page_needs_nothing_else() -> None:
    """No script, nothing from elsewhere, a policy that forbids both, tags that fit into one another."""
    content = page(
        told(started(), *on_w1(Outcome.CHANGED), *VERIFIED, RunFinished(Outcome.OK, 1, 1, 0, 9)), SPEC, COMMANDS
    )
    tags = Tags(content)
    assert tags.seen.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "image", "use", "form", "a"})
    assert not [name for name, _ in tags.attributes if name.startswith("on") or name in ("src", "href", "style")]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in tags.attributes
    assert "url(" not in content and "@import" not in content and "//" not in content.replace("<!--", "")


def test_whatever_a_node_says_is_text() -> None:
    """Markup, quotes and escape sequences in every field of every event add no tag and no attribute."""
    attack = "</title></style><script>alert(1)</script><img src=x onerror='y'>\"'&\x1b[31m\x07\ud800"
    plain = told(
        started(), *on_w1(Outcome.FAILED, "why"), Notice("w1", "n"), *VERIFIED, RunFinished(Outcome.FAILED, 0, 0, 1, 1)
    )
    events = []
    for _, event in plain.events:
        names = {each.name for each in fields(event)} & {
            "node",
            "step",
            "message",
            "cluster",
            "command",
            "phase",
            "run",
        }
        if isinstance(event, StepFinished) and event.phase == "verify":
            names = {"step", "message"}
        events.append(replace(event, **{name: attack + name for name in names}))  # type: ignore[arg-type]
    spec = replace(SPEC, cluster_name=attack, nodes=(replace(SPEC.nodes[0], labels={attack: attack}),))
    bad, good = Tags(page(told(*events), spec, COMMANDS)), Tags(page(plain, SPEC, COMMANDS))
    assert bad.seen <= good.seen
    assert {name for name, _ in bad.attributes} <= {name for name, _ in good.attributes}
    shown = "".join(bad.words)
    assert "<script>alert(1)</script>" in shown
    assert "\x1b" not in shown and "\x07" not in shown


def test_secrets_are_in_neither_log_nor_page(state: StateFolder) -> None:
    """What the redactor knows, what programs printed, and a private key that a program put into its error."""
    key = f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}2\n-----END EC PRIVATE KEY-----"
    redactor = Redactor()
    redactor.add(CANARY)
    state.prepare()
    with RunLog(state.runs, "replay") as log:
        sink = redactor.sink(log)
        for event in (
            started(),
            Notice("w1", f"login with {CANARY} failed"),
            OutputLine("w1", "runtime", "x", "printed-by-a-program"),
            *on_w1(Outcome.FAILED, f"password {CANARY} was refused\n"),
            *on_w1(Outcome.FAILED, key.replace(CANARY, "KEYTEXT"), "other"),
            RunFinished(Outcome.FAILED, 0, 0, 1, 3.0, f"w1: {CANARY}"),
        ):
            sink(event)
    for path in (log.path, write(state)):
        assert CANARY not in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = write(state).read_text()
    assert "[secret] failed" in content
    assert "KEYTEXT" not in content and "printed-by-a-program" not in content


@pytest.mark.parametrize(
    ("events", "headline"),
    [
        ((started(), *VERIFIED, RunFinished(Outcome.CHANGED, 9, 0, 0, 98.0)), "demo is up: 2 nodes, in 1 min 38 s"),
        ((started(), RunFinished(Outcome.CHANGED, 9, 0, 0, 9.0)), "demo was changed, but not verified: 2 nodes"),
        (
            (started(), StepFinished("", "verify", "dns", Outcome.FAILED), RunFinished(Outcome.FAILED, 1, 0, 0, 9.0)),
            "cluster demo is up, but 1 of 1 check failed, in 9.0 s",
        ),
        (
            (started(), *on_w1(Outcome.FAILED), RunFinished(Outcome.FAILED, 1, 0, 1, 9.0)),
            "the replay of demo failed in 9.0 s: w1",
        ),
        ((started(), RunFinished(Outcome.CANCELLED, 1, 0, 0, 9.0)), "the replay of demo was stopped in 9.0 s"),
        ((started(), *on_w1(Outcome.CHANGED)), "the replay of demo was interrupted"),
        (
            (started("reset"), RunFinished(Outcome.CHANGED, 2, 0, 0, 9.0)),
            "cluster demo was removed from 2 nodes in 9.0 s",
        ),
    ],
)  # fmt: skip
def test_the_headline_says_how_it_ended(events: tuple[Event, ...], headline: str) -> None:
    """Up, unverified, with failed checks, failed, stopped, interrupted, removed: never more than is known."""
    assert headline in page(told(*events), None, COMMANDS)


def test_failures_checks_and_findings_have_their_tables() -> None:
    """The cause of a failure, each check with what was seen, preflight's findings apart from later notices."""
    run = told(
        Notice("", "w1: swap: swap is on; swapoff -a"),
        started(),
        Notice("w1", "waits for the lock"),
        *on_w1(Outcome.FAILED, "unit failed: unknown key"),
        *VERIFIED,
        RunFinished(Outcome.FAILED, 0, 0, 1, 4.0),
    )
    content = page(run, None, COMMANDS)
    for row in (
        "<td>w1</td><td>runtime</td><td>file /etc/hosts</td><td>unit failed: unknown key</td>",
        "– skipped</td><td>dns outside</td>",
        "<td>preflight</td><td>w1: swap: swap is on; swapoff -a</td>",
        "<td>w1</td><td>waits for the lock</td>",
        "kinstall replay demo.yaml    # after fixing the cause",
    ):
        assert row in content


def test_a_damaged_log_gives_what_it_has() -> None:
    """A line that is cut off, no JSON, of another version or of a wrong type is passed over."""
    good = log_lines(started(), *on_w1(Outcome.CHANGED))
    stamp = '"time": "2026-11-24T02:30:05+00:00"'
    odd = [
        '{"time": "2026',
        "[]",
        "null",
        "[" * 100_000,
        '{"time": 3, "event": "notice"}',
        f'{{{stamp}, "event": "dance"}}',
        f'{{{stamp}, "event": "notice", "node": 3, "message": []}}',
        f'{{{stamp}, "event": "stepFinished", "node": "a", "phase": "p", "step": "s", "outcome": "odd"}}',
    ]
    run = read_log([*good[:2], *odd, *good[2:]])
    assert [event for _, event in run.events] == [event for _, event in read_log(good).events]
    assert read_log([]).events == ()


def test_the_last_run_is_the_newest_that_did_something(state: StateFolder) -> None:
    """Runs that ended before their first step are counted and told; the answers of another version stop nothing."""
    kept(state, started("reset"), RunFinished(Outcome.CHANGED, 2, 0, 0, 9.0), name="20261123T000000Z-reset.log")
    kept(state, started(), RunFinished(Outcome.OK, 2, 0, 0, 9.0), name="20261124T000000Z-replay.log")
    kept(state, Notice("", "swap"), name="20261124T010000Z-replay.log")
    state.write(state.answers, "apiVersion: kinstall/v9\n")
    run = last_run(state)
    assert (run.name, run.later) == ("20261124T000000Z-replay.log", 1)
    assert "1 later run ended before anything was changed" in write(state).read_text()


def test_where_there_is_no_run_it_says_so(state: StateFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No folder, no log, only logs of runs that never began: a sentence each."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    for look in (lambda: last_run(state), newest_state):
        with pytest.raises(UsageError, match="there is no run in"):
            look()
    kept(state, Notice("", "swap"))
    with pytest.raises(UsageError, match="reached its first step"):
        last_run(state)


def test_the_command_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the answers, by the state folder, or of the newest cluster; its place is printed; else 2 and a sentence."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main.main(["report", str(EXAMPLE)]) == 2
    assert "there is no run in" in capsys.readouterr().err
    name = load(EXAMPLE).cluster_name
    finished = RunFinished(Outcome.OK, 2, 0, 0, 9.0)
    mine = kept(StateFolder(tmp_path / "kinstall" / name), started(), finished)
    other = kept(StateFolder(tmp_path / "kinstall" / "other"), started(), finished, name="20270101T000000Z-replay.log")
    for words, expected in (
        ([str(EXAMPLE)], mine.path / "report.html"),
        (["--state", str(mine.path)], mine.path / "report.html"),
        ([], other.path / "report.html"),
        ([str(EXAMPLE), "--file", str(tmp_path / "mine.html")], tmp_path / "mine.html"),
    ):
        assert main.main(["report", *words]) == 0
        assert capsys.readouterr().out == f"{expected}\n"
        assert expected.read_text().startswith("<!DOCTYPE html>")
        assert stat.S_IMODE(expected.stat().st_mode) == 0o600
    assert main.main(["report", str(EXAMPLE), "--file", str(tmp_path)]) == 2
    assert "cannot be written: Is a directory" in capsys.readouterr().err


def test_a_state_folder_open_to_others_is_refused(state: StateFolder) -> None:
    """As every command refuses it: somebody else could have put the log there."""
    kept(state, started())
    state.path.chmod(0o755)
    with pytest.raises(UsageError, match="open to others"):
        write(state)


@pytest.mark.parametrize("faults", [[], ["--fault", "w1:unreachable@download"]])
def test_a_rehearsals_page_never_says_that_a_cluster_is_up(faults: list[str], tmp_path: Path) -> None:
    """Its headline and its banner say that no host was touched; the one way on is a real replay."""
    folder, file = tmp_path / "state", tmp_path / "r.html"
    main.main(["rehearse", str(EXAMPLE), "--state", str(folder), *faults])
    assert main.main(["report", str(EXAMPLE), "--state", str(folder), "--file", str(file)]) == 0
    words = " ".join(Tags(file.read_text()).words)
    assert "Rehearsal of" in words and "no host was touched" in words and "simulated" in words
    assert " is up" not in words and "kubectl" not in words.partition("Next steps")[2]
    assert f"kinstall replay {EXAMPLE}" in words
    assert ("failed in" in words) is bool(faults)
