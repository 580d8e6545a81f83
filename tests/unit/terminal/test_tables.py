"""Tables of findings, plans and checks, and their JSON; and what a plan would do, as data."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import TextIO

import pytest

from kinstall.engine.diff import Action, Pending, pending
from kinstall.engine.events import Outcome
from kinstall.engine.observation import Observation, PathState
from kinstall.engine.preview import MAX_DIFF_LINES, PlannedChange, file_diff, planned_changes, to_read
from kinstall.engine.steps import File, Script, Unit
from kinstall.findings import Finding, Severity
from kinstall.terminal.tables import nodes_in_words, show_findings, show_host_keys, show_plan, show_table, show_verify

FINDINGS = [
    Finding("w1", "clock", Severity.WARNING, "the clock is off by 3 s", "start an NTP client"),
    Finding("cp1", "swap", Severity.ERROR, "swap is on (/swapfile)", "swapoff -a, and remove it from /etc/fstab"),
    Finding("", "addresses", Severity.ERROR, "w1 and w2 have the same\x1b[2J address"),
    Finding("cp1", "ports", Severity.OK, "all free"),
]
TODO = {
    "runtime": (
        Pending(File("/etc/a", b"one\nthree\n"), Action.CHANGE, "content differs"),
        Pending(File("/etc/k", b"new secret", 0o600, secret=True), Action.CHANGE, "content differs"),
        Pending(File("/etc/n", b"x\n"), Action.CREATE),
        Pending(Unit("a.service", ("/etc/a",)), Action.RESTART, "/etc/a changes"),
    )
}
CONTENTS = {"/etc/a": b"one\ntwo\n", "/etc/k": b"old secret"}
CHANGES = planned_changes("cp1", TODO, CONTENTS)


@dataclass(frozen=True)
class Check:
    node: str
    check: str
    outcome: Outcome
    message: str = ""
    seconds: float = 0.0


CHECKS = [
    Check("", "readyz", Outcome.OK, seconds=0.12),
    Check("w1", "DNS inside", Outcome.FAILED, "no answer from 10.96.0.10"),
    Check("w1", "DNS outside", Outcome.SKIPPED, "the hosts have no resolver"),
]


def test_findings_as_text() -> None:
    """Errors come first, each with its remedy; a pipe gets one line per finding and no escape sequence."""
    out = io.StringIO()
    show_findings(FINDINGS, out)
    assert out.getvalue().splitlines() == [
        "           NODE     CHECK      FINDING",
        "✗ error    cp1      swap       swap is on (/swapfile); swapoff -a, and remove it from /etc/fstab",
        "✗ error    cluster  addresses  w1 and w2 have the same address",
        "! warning  w1       clock      the clock is off by 3 s; start an NTP client",
        "✗ 2 errors, 1 warning; 1 check in order",
    ]
    out = io.StringIO()
    show_findings(FINDINGS, out, everything=True)
    assert "✓ ok       cp1      ports      all free" in out.getvalue()


def test_no_findings() -> None:
    """Nothing wrong is one line."""
    out = io.StringIO()
    show_findings([FINDINGS[3]], out)
    assert out.getvalue() == "✓ 0 errors, 0 warnings; 1 check in order\n"


def test_findings_as_json() -> None:
    """All of them, also those in order, with counts."""
    out = io.StringIO()
    show_findings(FINDINGS, out, "json")
    data = json.loads(out.getvalue())
    assert (data["errors"], data["warnings"], len(data["findings"])) == (2, 1, 4)
    assert data["findings"][1] == {
        "node": "cp1",
        "check": "swap",
        "severity": "error",
        "message": "swap is on (/swapfile)",
        "remedy": "swapoff -a, and remove it from /etc/fstab",
    }


def test_only_what_a_diff_wants_is_read() -> None:
    """Not secrets, not what is created, not units."""
    assert to_read(TODO) == ("/etc/a",)


def test_a_plan_as_text() -> None:
    """Each change with its diff, a secret without one, then the counts per node."""
    out = io.StringIO()
    show_plan(CHANGES, ["cp1", "w1"], out)
    assert out.getvalue().splitlines() == [
        "cp1",
        "  change   file /etc/a  (content differs)",
        "    --- /etc/a on the node",
        "    +++ /etc/a as planned",
        "    @@ -1,2 +1,2 @@",
        "     one",
        "    -two",
        "    +three",
        "  change   file /etc/k  (a secret)",
        "  create   file /etc/n",
        "  restart  unit a.service  (/etc/a changes)",
        "",
        "NODE  CREATE  CHANGE  RESTART",
        "cp1        1       2        1",
        "w1",
        "Nothing has been changed yet.",
    ]


def test_a_plan_with_nothing_to_do() -> None:
    """One line says so."""
    out = io.StringIO()
    show_plan([], ["cp1", "w1"], out)
    assert out.getvalue() == "✓ nothing to do on 2 nodes\n"


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_plan_holds_no_secret(output: str) -> None:
    """Neither the old content of a secret file nor the new one appears."""
    out = io.StringIO()
    show_plan(CHANGES, ["cp1"], out, output)
    assert "secret" in out.getvalue()
    assert "old secret" not in out.getvalue()
    assert "new secret" not in out.getvalue()


def test_a_password_that_leaves_is_not_shown() -> None:
    """A file that the node keeps to root becomes one for everybody: what was in it is not even asked for."""
    step = File("/etc/hosts.toml", b"server = 1\n", 0o644)
    was = PathState("regular file", 0o600, "root:root", "1:1:1", "digest of the old one")
    todo = {"runtime": pending([step], Observation(paths={step.path: was}))}
    assert to_read(todo) == ()
    (change,) = planned_changes("cp1", todo, {step.path: b"Authorization = secret\n"} if to_read(todo) else {})
    assert (change.secret, change.diff) == (True, "")
    opened = PathState("regular file", 0o644, "root:root", "1:1:1", "digest of the old one")
    assert to_read({"runtime": pending([step], Observation(paths={step.path: opened}))}) == (step.path,)


def test_a_plan_as_json() -> None:
    """Changes with diffs, and counts also for nodes without any."""
    out = io.StringIO()
    show_plan(CHANGES, ["cp1", "w1"], out, "json")
    data = json.loads(out.getvalue())
    assert data["counts"] == {"cp1": {"change": 2, "create": 1, "restart": 1}, "w1": {}}
    assert data["changes"][0]["diff"].endswith("-two\n+three")
    assert data["changes"][1]["secret"] is True
    assert data["changes"][1]["diff"] == ""


def test_diffs_of_odd_files() -> None:
    """Binary content and endless diffs are told in a sentence."""
    assert file_diff("/x", b"\xff\xfe", b"ab") == "not text: 2 bytes become 2"
    assert file_diff("/x", b"same\n", b"same\n") == ""
    long = file_diff("/x", b"a\n" * 1000, b"b\n" * 1000).splitlines()
    assert len(long) == MAX_DIFF_LINES + 1
    assert long[-1] == "… 1603 more lines differ"


def test_checks_as_text_and_json() -> None:
    """Every check with its outcome in words; skipped ones say why."""
    out = io.StringIO()
    show_verify(CHECKS, out)
    assert out.getvalue().splitlines() == [
        "           NODE     CHECK        TIME",
        "✓ ok       cluster  readyz       0.1 s",
        "✗ failed   w1       DNS inside   0.0 s  no answer from 10.96.0.10",
        "– skipped  w1       DNS outside  0.0 s  the hosts have no resolver",
        "✗ 1 of 3 checks ok, 1 failed, 1 skipped",
    ]
    out = io.StringIO()
    show_verify(CHECKS, out, "json")
    data = json.loads(out.getvalue())
    assert (data["ok"], data["failed"], data["skipped"]) == (1, 1, 1)
    assert data["checks"][1]["outcome"] == "failed"


def test_a_table_of_anything() -> None:
    """Commands list other things too; text from nodes is cleaned, markup is text."""
    out = io.StringIO()
    show_table(("NODE", "KEY"), [("w1", "SHA256:[bold]\x1b[31mabc")], out)
    assert out.getvalue().splitlines() == ["NODE  KEY", "w1    SHA256:[bold]abc"]


def test_planned_changes_keep_their_order() -> None:
    """Phases and steps appear in the plan's order."""
    assert [change.step for change in CHANGES] == ["file /etc/a", "file /etc/k", "file /etc/n", "unit a.service"]
    assert CHANGES[3] == PlannedChange("cp1", "runtime", "unit a.service", Action.RESTART, "/etc/a changes")


FINGERPRINT = "SHA256:KKTFWZTTIPZ4J6Iuj3obKx+E7FKA5qwSBs0123456789abcde"


def on_terminal(width: int, monkeypatch: pytest.MonkeyPatch, show: Callable[[TextIO], None]) -> str:
    """What `show` writes to a terminal of that width."""

    class Tty(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    out = Tty()
    show(out)
    return re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_a_fingerprint_is_never_cut(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of host keys it stands on one line, from 58 columns on; within a finding it may go on in the next."""
    row = ("control-plane-1", "10.90.0.11:22", "unknown", "ssh-ed25519", FINGERPRINT)
    shown = on_terminal(width, monkeypatch, lambda out: show_host_keys([row, row], out))
    assert shown.count(FINGERPRINT) == 2
    finding = Finding("control-plane-1", "host-key", Severity.ERROR, f"it shows {FINGERPRINT}", "compare it")
    shown = on_terminal(width, monkeypatch, lambda out: show_findings([finding], out))
    assert FINGERPRINT in re.sub(r"\s", "", shown) and "…" not in shown


def test_what_nodes_share_is_told_once() -> None:
    """Same words on several nodes: one row that names them; another remedy is another row; --by-node lists each."""
    swap = [Finding(node, "swap", Severity.ERROR, "swap is on", "swapoff -a") for node in ("cp1", "w1", "w2", "w3")]
    other = Finding("w1", "cpu", Severity.WARNING, "1 CPU")
    out = io.StringIO()
    show_findings([*swap, other], out)
    assert re.findall(r"^. (\w+) +(.+?)  +(swap|cpu)", out.getvalue(), re.MULTILINE) == [
        ("error", "all 4 nodes", "swap"),
        ("warning", "w1", "cpu"),
    ]
    assert "4 errors, 1 warning" in out.getvalue()
    out = io.StringIO()
    show_findings([*swap, other], out, by_node=True)
    assert out.getvalue().count("swap is on") == 4


@pytest.mark.parametrize(
    ("nodes", "everywhere", "words"),
    [
        (("",), 3, "cluster"),
        (("w1", "w2"), 3, "w1, w2"),
        (("w1", "w2", "w3"), 3, "w1, w2, w3"),
        (("w1", "w2", "w3", "w4", "w5"), 9, "w1, w2, w3 and 2 more"),
        (tuple(f"w{n}" for n in range(12)), 12, "all 12 nodes"),
        (("a-very-long-name-of-a-node", "another-long-name"), 9, "a-very-long-name-of-a-node and 1 more"),
    ],
)
def test_nodes_in_words(nodes: tuple[str, ...], everywhere: int, words: str) -> None:
    """Few are named; many are counted, so that the finding keeps its room."""
    assert nodes_in_words(nodes, everywhere) == words


def test_a_plan_has_what_each_step_brings() -> None:
    """A file's content and a script, as text; of a secret its size and the begin of its digest; JSON has neither."""
    todo = {
        "prepare": (
            Pending(File("/etc/a", b"one\n"), Action.CREATE),
            Pending(File("/etc/key", b"hunter2", 0o600, secret=True), Action.CREATE),
            Pending(File("/etc/open", b"hunter2"), Action.CHANGE, closed=True),
            Pending(File("/bin/x", b"\xff\xfe"), Action.CREATE),
            Pending(Script("sysctl", "test -f /x", "touch /x", files=(("token", b"hunter2"),)), Action.RUN),
        )
    }
    bodies = [change.body for change in planned_changes("w1", todo, {})]
    assert bodies[0] == "0644 root:root · 4 bytes\n\none\n"
    assert bodies[1].startswith("0600 root:root · 7 bytes, sha256 f52fbd32b2b3…")
    assert "not text" in bodies[3]
    assert "test -f /x" in bodies[4] and "touch /x" in bodies[4] and "token" in bodies[4]
    assert "hunter2" not in "".join(bodies)
    out = io.StringIO()
    show_plan(planned_changes("w1", todo, {}), ["w1"], out, "json")
    assert "body" not in json.loads(out.getvalue())["changes"][0]
