"""How a command runs, and what a run is called: what all operations take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kinstall.cluster import ClusterSpec
from kinstall.engine.run import RunResult
from kinstall.errors import UsageError
from kinstall.operations.session import Session
from kinstall.operations.ssh_session import open_session
from kinstall.secrets import Secrets
from kinstall.state.folder import StateFolder
from kinstall.verify import CheckResult

OnCheck = Callable[[CheckResult], None]
"""Gets verify's results as they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a command runs. `session` opens one; `until` ends a replay after that phase; `command` is the run's name in
    its log."""

    state: StateFolder
    session: Callable[[ClusterSpec], Session]
    secrets: Secrets = field(default_factory=Secrets)
    parallel: int = 32
    until: str = ""
    recover_pki: bool = False
    verify: bool = True
    command: str = "replay"


def options_for(
    spec: ClusterSpec, chosen: str | Path | None = None, secrets: Secrets | None = None, parallel: int = 32
) -> Options:
    """Options for a cluster: its state folder (or the `chosen` one), and sessions that share one set of secrets.

    Raises:
        UsageError: the state folder is not the operator's alone, or a rehearsal's
    """
    state = StateFolder.of(spec.cluster_name, chosen).check()
    if state.simulated.exists():
        raise UsageError(f"{state.path} is the state folder of a rehearsal", "real hosts need one of their own")
    known = secrets or Secrets()
    return Options(
        state=state,
        session=lambda wanted: open_session(wanted, state, known, parallel),
        secrets=known,
        parallel=parallel,
    )


@dataclass(frozen=True, slots=True)
class Report:
    """What a replay did. `checks` are verify's results, empty where it did not come to that."""

    result: RunResult
    seconds: float
    checks: tuple[CheckResult, ...] = ()


def new_run() -> str:
    """A name for a run: what a node's owner file holds."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
