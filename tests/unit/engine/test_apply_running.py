"""Scripts, waits, units and images brought about for real, in a mount namespace of their own; runs that end early."""

from __future__ import annotations

import subprocess
import threading
import time

from kinstall.engine.diff import Action, pending
from kinstall.engine.host import ShellHost
from kinstall.engine.observation import Observation
from kinstall.engine.record import undo_order
from kinstall.engine.steps import Directory, Download, File, Image, Script, Step, Unit, Wait
from tests.unit.engine.applying import STORE, Heard, bring, left, undo
from tests.unit.local_node import LocalNode


def test_scripts_see_their_files_and_nothing_is_left(node: LocalNode) -> None:
    """$FILES is a private folder with 0600 files, gone after the run; the code's own output is told."""
    run = 'stat -c "%a %n" "$FILES"/*; cat "$FILES/token" >/mnt/copy; stat -c %a "${FILES%/*}"'
    good, heard = bring(node, Script("s", "[ -s /mnt/copy ]", run, files=(("token", b"canary"),)))
    assert good, heard
    assert heard.words[0].startswith("600 ") and heard.words[-1] == "700"
    assert node.read("/mnt/copy") == "canary"
    assert subprocess.run(["grep", "-rl", "canary", node.path("/run/kinstall"), node.path("/var/lib/kinstall")],
                          capture_output=True, check=False).stdout == b""  # fmt: skip


def test_a_script_stops_at_its_first_failing_command(node: LocalNode) -> None:
    """`set -e` holds in a script's code: what comes after a failure is not done."""
    good, heard = bring(node, Script("s", "", "echo before\nfalse\ntouch /mnt/after"))
    assert not good and heard.ends == [(0, 1)] and heard.words == ["before"]
    assert not node.path("/mnt/after").exists()


def test_a_failed_step_stops_the_rest(node: LocalNode) -> None:
    """Later steps neither begin nor leave a trace; what was done is not undone; the next run goes on there."""
    steps = (Script("bad", "[ -e /mnt/mended ]", "exit 7"), Script("next", "[ -e /mnt/n ]", "touch /mnt/n"))
    good, heard = bring(node, *steps)
    assert not good and heard.ends == [(0, 7)] and not node.path("/mnt/n").exists()
    node.write("/mnt/mended", "")
    assert bring(node, *steps)[0] and node.path("/mnt/n").exists()


def test_a_script_whose_check_still_fails_is_a_failure(node: LocalNode) -> None:
    """Having run is not enough: what it should bring about must be so."""
    good, heard = bring(node, Script("s", "[ -e /mnt/never ]", "true"))
    assert not good and heard.words[-1] == "it ran, and its check still fails"


def test_a_patient_script_is_run_again(node: LocalNode) -> None:
    """What it talks to may just be starting anew: it, and its check, have some seconds; a failure in the middle still
    ends each try, and the last one is told when they are over."""
    run = "echo x >>/mnt/tries\n[ $(wc -l </mnt/tries) -ge 2 ]\ntouch /mnt/made"
    good, heard = bring(node, Script("s", "[ -e /mnt/made ] && [ $(wc -l </mnt/tries) -ge 3 ]", run, patience=20))
    assert good and heard.words == ["it ran, and its check still fails"] and node.read("/mnt/tries") == "x\nx\nx\n"
    good, heard = bring(node, Script("never", "", "echo tried\nexit 3", patience=1))
    assert not good and heard.ends == [(0, 3)] and set(heard.words) == {"tried"}


def test_a_script_without_check_runs_once_and_again_with_other_inputs(node: LocalNode) -> None:
    """Its mark says with which inputs it ran last."""

    def steps(content: bytes) -> tuple[Step, ...]:
        return File("/mnt/in", content), Script("s", "", "echo x >>/mnt/log", inputs=("/mnt/in",))

    for content in (b"1", b"1", b"2"):
        assert bring(node, *steps(content))[0]
    assert node.read("/mnt/log") == "x\nx\n"


def test_a_wait_ends_when_its_condition_holds(node: LocalNode) -> None:
    """It asks again and again, and tells nothing while it does."""
    wait = Wait("w", "echo noise; echo x >>/mnt/asked; [ $(wc -l </mnt/asked) -ge 4 ]", 20, interval=0.05)
    good, heard = bring(node, wait)
    assert good and heard.ends == [(0, 0)] and heard.words == []


def test_a_wait_that_times_out_tells_its_evidence(node: LocalNode) -> None:
    """A time-out is not the last word: the diagnosis is."""
    good, heard = bring(node, Wait("w", "false", 1, diagnose="echo why; echo more >&2", interval=0.1))
    assert not good and heard.ends == [(0, 1)] and heard.words == ["not so after 1 s", "why", "more"]


def test_a_wait_in_vain_ends_early(node: LocalNode) -> None:
    """What says that it will never be so is asked every few seconds and not at once; its words and the evidence are
    told. It keeps notes from one time to the next, and those of an earlier wait are gone."""
    hopeless = 'echo x >>"$NOTES"; [ $(wc -l <"$NOTES") = 2 ] && echo in vain'
    for _ in range(2):
        began = time.monotonic()
        good, heard = bring(node, Wait("w", "false", 60, "echo evidence", 0.1, hopeless=hopeless))
        assert not good and heard.ends == [(0, 1)] and heard.words == ["in vain", "evidence"]
        assert 4 < time.monotonic() - began < 30
    good, heard = bring(node, Wait("w", "false", 5, "echo evidence", 0.1, hopeless="false"))
    assert not good and heard.words == ["not so after 5 s", "evidence"]


def test_units_start_and_restart_with_their_inputs(node: LocalNode) -> None:
    """Started once, left alone while nothing changes, restarted for a new input, mended when stopped or disabled."""

    def steps(config: bytes) -> tuple[Step, ...]:
        return (
            File("/etc/systemd/system/x.service", b"[Service]\n"),
            File("/mnt/config", config),
            Unit("x.service", ("/etc/systemd/system/x.service", "/mnt/config")),
        )

    for config, starts in ((b"1", 1), (b"1", 1), (b"2", 2)):
        assert bring(node, *steps(config))[0]
        assert node.starts() == ["x.service"] * starts
    node.path("/run/fake/x.service.active").unlink()
    assert left(node, *steps(b"2")) == [("unit x.service", Action.START)]
    assert bring(node, *steps(b"2"))[0] and len(node.starts()) == 3
    node.path("/run/fake/x.service.enabled").unlink()
    assert left(node, *steps(b"2")) == [("unit x.service", Action.CHANGE)]
    assert bring(node, *steps(b"2"))[0] and len(node.starts()) == 3, "enabling starts nothing anew"


def test_a_unit_whose_restart_was_lost_restarts_later(node: LocalNode) -> None:
    """Killed between a file's change and the restart: the file is right then, and yet the unit is still to start."""
    unit = File("/etc/systemd/system/x.service", b"[Service]\n")
    old = (unit, File("/mnt/c", b"1"), Unit("x.service", ("/mnt/c",)))
    bring(node, *old)
    new = (unit, File("/mnt/c", b"2"), Script("crash", "[ -e /mnt/ok ]", "exit 1"), Unit("x.service", ("/mnt/c",)))
    assert not bring(node, *new)[0]
    node.write("/mnt/ok", "")
    assert left(node, *new) == [("unit x.service", Action.RESTART)]


def test_a_unit_that_fails_tells_its_last_words(node: LocalNode) -> None:
    """systemctl's sentence and the journal's tail are what the cause is found in."""
    good, heard = bring(node, File("/etc/systemd/system/x.service", b"broken"), Unit("x.service"))
    assert not good and "Job for x.service failed" in heard.words and "its last words" in heard.words


def test_undo_stops_units_that_it_started_and_runs_their_code(node: LocalNode) -> None:
    """A unit of ours is stopped, disabled and cleaned up after; one that ran before goes on running."""
    node.write("/etc/systemd/system/theirs.service", "[Service]\n")
    for name in ("active", "enabled"):
        node.write(f"/run/fake/theirs.service.{name}", "")
    steps = (
        File("/etc/systemd/system/ours.service", b"[Service]\n"),
        Unit("ours.service", undo="echo x >/mnt/cleaned"),
        Unit("theirs.service"),
        Script("s", "", "true", undo="echo x >/mnt/undone"),
    )
    assert bring(node, *steps)[0] and undo(node, *steps)
    assert not node.path("/run/fake/ours.service.active").exists()
    assert not node.path("/run/fake/ours.service.enabled").exists()
    assert node.path("/run/fake/theirs.service.active").exists()
    assert node.path("/mnt/cleaned").exists() and node.path("/mnt/undone").exists()
    assert not node.path("/etc/systemd/system/ours.service").exists()


def test_an_undo_that_fails_keeps_the_record(node: LocalNode) -> None:
    """The others are undone all the same, and what is left can be tried again."""
    steps = (File("/mnt/a", b"a"), Script("s", "", "true", undo="[ -e /mnt/now ]"))
    bring(node, *steps)
    assert not undo(node, *steps)
    assert not node.path("/mnt/a").exists() and node.path("/var/lib/kinstall/record").exists()
    node.write("/mnt/now", "")
    assert undo(node, *steps) and not node.path("/var/lib/kinstall").exists()


def test_another_run_takes_the_node_over(node: LocalNode) -> None:
    """The older program ends at its next step, the newer one waits for it and says so; both never work at once."""
    slow = (
        Script("one", "[ -e /mnt/one ]", "sleep 1; touch /mnt/one"),
        Script("two", "[ -e /mnt/two ]", "touch /mnt/two"),
    )
    heard = Heard()
    results: list[bool] = []
    older = threading.Thread(target=lambda: results.append(bring(node, *slow, run="old", heard=heard)[0]))
    older.start()
    assert heard.begun.wait(10)
    reasons: list[str] = []
    ShellHost("local", node).observe((), "new", reasons.append)
    older.join(10)
    assert results == [False] and heard.ends == [(0, 0)] and reasons, "stopped after its step, and waited for"
    assert node.path("/mnt/one").exists() and not node.path("/mnt/two").exists()


def test_a_stopped_run_leaves_the_rest(node: LocalNode) -> None:
    """Cancelling ends the program at the next step, also in the middle of a wait."""
    heard = Heard()
    results: list[bool] = []
    steps = (Wait("forever", "false", 60, interval=0.1),)
    thread = threading.Thread(target=lambda: results.append(bring(node, *steps, heard=heard)[0]))
    thread.start()
    assert heard.begun.wait(10)
    ShellHost("local", node).stop("r1")
    thread.join(10)
    assert results == [False] and heard.ends == []


def test_a_stopped_undo_goes_on_later(node: LocalNode) -> None:
    """It ends after the entry that it is in, keeps the record, and begins nothing where it is not the owner."""
    first = Script("first", "", "true", undo="echo first >>/mnt/log")
    stops = "echo second >>/mnt/log; [ -e /mnt/once ] || echo stopped >/run/kinstall/owner; : >/mnt/once"
    second = Script("second", "", "true", undo=stops)
    assert bring(node, first, second)[0]
    assert not undo(node, first, second)
    assert node.read("/mnt/log") == "second\n"
    entries = undo_order(ShellHost("local", node).observe(()).record)
    assert not ShellHost("local", node).undo(entries, "not the owner", Heard())
    assert node.read("/mnt/log") == "second\n"
    assert undo(node, first, second) and not node.path("/var/lib/kinstall").exists()
    assert node.read("/mnt/log") == "second\nsecond\nfirst\n"


def test_an_image_that_cannot_be_pulled_fails_by_name(node: LocalNode) -> None:
    """Pulls run beside one another; each one's end and words are its own, and later steps do not begin."""
    node.write("/usr/local/bin/ctr", '#!/bin/sh\ncase $* in *missing*) echo "not found: $7"; exit 1;; esac\n', 0o755)
    good, heard = bring(node, Image("r/missing:1", STORE), Image("r/there:1", STORE), Script("s", "", "touch /mnt/s"))
    assert not good and sorted(heard.ends) == [(0, 1), (1, 0)] and heard.words == ["not found: r/missing:1"]
    assert not node.path("/mnt/s").exists()


def test_an_image_that_was_pulled_is_remembered(node: LocalNode) -> None:
    """A stopped containerd, which cannot list its images, is no reason to pull them again."""
    node.write("/usr/local/bin/ctr", "#!/bin/sh\n", 0o755)
    assert bring(node, Image("r/there:1", STORE))[0]
    assert left(node, Image("r/there:1", STORE)) == [] and left(node, Image("r/there:2", STORE)) != []


STEPS: tuple[Step, ...] = (
    Directory("/a b", 0o700, tree=True),
    File("/a b/it's", b"x", 0o600),
    Download("/usr/bin/x", "http://h/x", "0" * 64),
    Download("x.tgz", "http://h/x.tgz", "1" * 64, members=(("bin/x", "/opt/x"), ("bin/y", "/opt/y"))),
    Image("r/i:1", STORE),
    Unit("x.service", ("/a b/it's",), undo="true"),
    Script("s", "test -e /x", "echo 'a b' >/x", undo="rm /x", inputs=("/a b/it's",), files=(("f", b"1"),)),
    Wait("w", "true", 5, diagnose="echo no"),
)


def test_a_node_without_anything_is_observed(node: LocalNode) -> None:
    """Every step type can be asked for on a bare node: nothing is there, and nothing fails."""
    seen = ShellHost("local", node).observe(STEPS)
    assert seen.paths.keys() <= {"/usr", "/usr/bin", "/opt"} and seen.images is None and seen.marks == {}
    assert not seen.units["x.service"].exists and seen.checks == {"script s": False, "wait w": True}
    assert seen == Observation(paths=seen.paths, units=seen.units, checks=seen.checks, tools=seen.tools, images=None)
    assert [item.step for item in pending(STEPS, seen)] == list(STEPS[:-1]), "images that cannot be listed are pending"
