"""When a replay checks the cluster end to end, and when it only looks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kinstall.answers.load import parse
from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Outcome
from kinstall.errors import VerifyFailed
from kinstall.operations.options import Options
from kinstall.operations.replay import replay
from kinstall.operations.reset import reset
from kinstall.simulation import World
from kinstall.simulation.session import SimulatedSession
from kinstall.state.folder import StateFolder
from kinstall.verify import CheckResult
from tests.unit.cli.test_rehearse import ANSWERS

SPEC = parse(ANSWERS)


class Operator:
    """Somebody who replays on simulated hosts; `full` says for each verify whether it was the full one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.folder, self.workstation = World(), folder, "a"
        self.full: list[bool] = []
        self.outcome = Outcome.OK

        def verify(
            session: SimulatedSession,
            spec: ClusterSpec,
            on_check: Callable[[CheckResult], None],
            cancel: threading.Event,
            *,
            full: bool,
            has_resolver: bool,
        ) -> tuple[CheckResult, ...]:
            self.full.append(full)
            return (CheckResult("API readyz", self.outcome, "asked", node="cp1"),)

        monkeypatch.setattr(SimulatedSession, "verify", verify)

    def options(self, **more: object) -> Options:
        options = Options(state=StateFolder(self.folder / self.workstation), session=self.world.session)
        return replace(options, **more)  # type: ignore[arg-type]


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path, monkeypatch)


def test_all_checks_once_and_then_a_look(operator: Operator) -> None:
    """After the first replay, which changed everything, nothing is to be done, and a look is enough."""
    for _ in range(3):
        replay(SPEC, operator.options())
    assert operator.full == [True, False, False]


def test_a_run_that_ended_before_its_checks(operator: Operator) -> None:
    """The next one has nothing to do, and checks all the same."""
    replay(SPEC, operator.options(verify=False))
    replay(SPEC, operator.options())
    replay(SPEC, operator.options())
    assert operator.full == [True, False]


def test_checks_that_failed_are_made_again(operator: Operator) -> None:
    """Until they pass."""
    operator.outcome = Outcome.FAILED
    for _ in range(2):
        with pytest.raises(VerifyFailed):
            replay(SPEC, operator.options())
    operator.outcome = Outcome.OK
    replay(SPEC, operator.options())
    replay(SPEC, operator.options())
    assert operator.full == [True, True, True, False]


def test_another_workstation_knows_of_no_checks(operator: Operator) -> None:
    """It has the answers and the keys, and cannot tell whether the cluster was ever seen to work."""
    replay(SPEC, operator.options())
    first = operator.folder / "a"
    operator.workstation = "b"
    (operator.folder / "b").mkdir(mode=0o700)
    (first / "pki").rename(operator.folder / "b/pki")
    replay(SPEC, operator.options())
    assert operator.full == [True, True]


def test_after_a_reset_nothing_was_checked(operator: Operator) -> None:
    """Also where the folder is kept."""
    replay(SPEC, operator.options())
    reset(SPEC, operator.options(), ("cp1", "w1"))
    assert not operator.options().state.verified.exists()
