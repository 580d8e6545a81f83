"""The log of a run."""

import json
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kinstall.engine.events import Notice, Outcome, OutputLine, RunFinished
from kinstall.state.run_log import KEPT, RunLog, prune, tee

WHEN = datetime(2026, 11, 24, 2, 30, 5, tzinfo=UTC)


def test_every_event_stands_in_the_log_with_its_time(tmp_path: Path) -> None:
    """The file is the owner's alone, named after the run, one JSON object per event."""
    with RunLog(tmp_path, "replay", now=WHEN) as log:
        log(Notice("w1", "waits for the lock – ✓"))
        log(RunFinished(Outcome.OK, 0, 3, 0, 1.5))
    assert log.path.name == "20261124T023005Z-replay.log"
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    first, last = (json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines())
    assert (first["event"], first["node"], first["message"]) == ("notice", "w1", "waits for the lock – ✓")
    assert (last["event"], last["ok"]) == ("runFinished", 3)
    assert datetime.fromisoformat(first["time"]).tzinfo is not None


def test_what_was_told_is_on_disk_at_once(tmp_path: Path) -> None:
    """A run that is killed leaves a log that ends where it was."""
    log = RunLog(tmp_path, "replay")
    log(OutputLine("w1", "p", "s", "words"))
    log(Notice("w1", "last"))
    assert len(log.path.read_text().splitlines()) == 2
    log.close()


def test_two_runs_in_one_second_have_two_logs(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    first, second = RunLog(tmp_path, "plan", now=WHEN), RunLog(tmp_path, "plan", now=WHEN)
    assert (first.path.name, second.path.name) == ("20261124T023005Z-plan.log", "20261124T023005Z-plan-2.log")
    first.close()
    second.close()


def test_the_newest_are_kept(tmp_path: Path) -> None:
    """Old logs go, the newest 20 and files of other names stay."""
    (tmp_path / "notes.txt").write_text("mine")
    for hour in range(24):
        (tmp_path / f"20261123T{hour:02}0000Z-replay.log").write_text("")
    with RunLog(tmp_path, "verify", now=WHEN):
        pass
    names = sorted(path.name for path in tmp_path.glob("*.log"))
    assert len(names) == KEPT
    assert (names[0], names[-1]) == ("20261123T050000Z-replay.log", "20261124T023005Z-verify.log")
    assert (tmp_path / "notes.txt").exists()


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """No folder, or a disk that is full: `error` says so and events are dropped."""
    log = RunLog(tmp_path / "missing", "replay")
    log(Notice("w1", "x"))
    assert "missing" in log.error
    full = RunLog(tmp_path, "replay")
    assert full._file is not None
    full._file.close()
    full._file = Path("/dev/full").open("w")  # noqa: SIM115
    full(Notice("w1", "x"))
    assert "No space left" in full.error
    full(Notice("w1", "x"))
    full.close()


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    """Eight threads at once: every line is whole."""
    log = RunLog(tmp_path, "replay")

    def talk() -> None:
        for _ in range(200):
            log(OutputLine("n", "p", "s", "x" * 300))

    threads = [threading.Thread(target=talk) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert len([json.loads(line) for line in log.path.read_text().splitlines()]) == 1600


def test_tee_gives_each_event_to_all(tmp_path: Path) -> None:
    """One sink in front of several, in order."""
    seen: list[str] = []
    tee(lambda event: seen.append("a"), lambda event: seen.append("b"))(Notice("", "x"))
    assert seen == ["a", "b"]


def test_prune_of_few_logs_removes_none(tmp_path: Path) -> None:
    """Fewer than the limit: all stay."""
    (tmp_path / "20261123T000000Z-replay.log").write_text("")
    prune(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["x.log", "20261123T000000Z-replay.log.bak", "20261123-replay.log"])
def test_prune_leaves_other_names_alone(tmp_path: Path, name: str) -> None:
    """What does not look like a log of ours is none."""
    (tmp_path / name).write_text("")
    prune(tmp_path, keep=1)
    assert (tmp_path / name).exists()
