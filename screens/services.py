"""What the screens need from outside: a protocol, and its implementation over the operations that the commands use.

Every call blocks; screens make it through `app.background`. Tests use services that answer from memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kinstall.cluster import ClusterSpec
from kinstall.errors import KinstallError, PreflightFailed, UsageError
from kinstall.findings import Finding
from kinstall.wording import count

if TYPE_CHECKING:
    # The engine and cryptography take longer to load than the first screen may take to appear.
    from kinstall.engine.preview import PlannedChange
    from kinstall.operations.kubeconfig import Written
    from kinstall.operations.options import Options, Report
    from kinstall.operations.trust import Seen
    from kinstall.report import Commands, Run
    from kinstall.sources.availability import Availability
    from kinstall.state.folder import StateFolder
    from kinstall.verify import CheckResult
    from screens.begin.clusters import KnownCluster

Emit = Callable[[Any], None]
Rehearsal = Callable[[], "AbstractContextManager[Options]"]
Prompt = Callable[[str], str]
"""Asks for a secret on the thread of a job: shows a text, returns what was typed."""


class Services(Protocol):
    """All raise kinstall.errors only."""

    def look(self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Prompt) -> Sequence[Availability]:
        """Whether files and images are available from this machine; `emit` gets each as soon as it is known."""

    def probe(self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Prompt) -> Sequence[Finding]:
        """Preflight on all nodes; `emit` gets (node, findings) as each answers, then ("", findings across nodes)."""

    def host_keys(self, spec: ClusterSpec, prompt: Prompt) -> Sequence[Seen]:
        """The host key that each node presents, and whether it is trusted."""

    def trust(self, spec: ClusterSpec, keys: Sequence[Seen]) -> None:
        """Store the keys that the operator trusts."""

    def plan(
        self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Prompt
    ) -> tuple[Sequence[Finding], Sequence[PlannedChange]]:
        """What a run would change; `emit` gets sentences about its progress."""

    def replay(self, answers: Path, emit: Emit, stop: threading.Event, prompt: Prompt) -> Report:
        """`kinstall replay` of that file; `emit` gets events and verify's results, without secrets."""

    def rehearse(self, answers: Path, emit: Emit, stop: threading.Event) -> Report:
        """The same run on simulated hosts: no host is reached, nothing is kept. `emit` gets what replay's does."""

    def verify(self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Prompt) -> Sequence[CheckResult]:
        """Whether a cluster works; `emit` gets the results as they come."""

    def clusters(self) -> Sequence[KnownCluster]:
        """The clusters with a state folder on this machine, and how the last run of each ended."""

    def last_run(self, spec: ClusterSpec, answers: Path | None) -> tuple[Run, Commands]:
        """The cluster's last run, read from its log, and the commands to continue with."""

    def report(self, spec: ClusterSpec, answers: Path | None) -> Path:
        """Write the last run as one HTML page."""

    def merge_kubeconfig(self, spec: ClusterSpec) -> Written:
        """Put the cluster among the contexts of ~/.kube/config."""


@contextmanager
def redacted(options: Options) -> Iterator[None]:
    """An error inside is raised without the secrets that were resolved for these options."""
    try:
        yield
    except KinstallError as error:
        options.secrets.redactor.error(error)
        error.remedy = in_the_wizard(error.remedy)
        if isinstance(error, PreflightFailed):
            error.findings = tuple(advised(error.findings))
        raise


_ADVICE = (("run `kinstall trust ANSWERS`", "trust it here: the wizard asks before it connects"),)
"""A command line, as the operations name it, and what the wizard has in its place."""


def in_the_wizard(remedy: str) -> str:
    """A remedy without a command to be typed elsewhere, where the wizard itself has the way."""
    for command, here in _ADVICE:
        remedy = remedy.replace(command, here)
    return remedy


def advised(findings: Sequence[Finding]) -> list[Finding]:
    return [replace(each, remedy=in_the_wizard(each.remedy)) for each in findings]


class RealServices:
    """The operations, with the command line's state folder and number of nodes at once.

    `rehearsal` opens the options of a rehearsal: simulated hosts and a state folder of their own. It is handed in, as
    a front end does not know the simulation.
    """

    def __init__(self, state: str | None = None, parallel: int = 32, rehearsal: Rehearsal | None = None) -> None:
        self._state, self._parallel, self._rehearsal = state, parallel, rehearsal

    def look(self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Prompt) -> Sequence[Availability]:
        from kinstall.operations.prompts import with_questions
        from kinstall.secrets import Secrets
        from kinstall.sources import availability

        return availability.check(with_questions(spec), emit, secrets=Secrets(prompt=prompt), stop=stop)

    def probe(self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Prompt) -> Sequence[Finding]:
        from kinstall.operations.preflight import preflight
        from kinstall.operations.session import closed_on

        options = self._options(spec, prompt)
        report = options.secrets.redactor.sink(emit)
        with redacted(options), closing(options.session(spec)) as session, closed_on(session, stop):
            result = preflight(
                session, options.state, on_findings=lambda node, findings: report((node, advised(findings)))
            )
        return options.secrets.redactor.event(advised(result.findings))

    def host_keys(self, spec: ClusterSpec, prompt: Prompt) -> Sequence[Seen]:
        from kinstall.operations.ssh_session import targets_of
        from kinstall.operations.trust import pending
        from kinstall.transport.host_keys import HostKeys

        options = self._options(spec, prompt)
        with redacted(options):
            seen = pending(targets_of(spec), HostKeys(options.state.known_hosts), options.secrets)
        return options.secrets.redactor.event(seen)

    def trust(self, spec: ClusterSpec, keys: Sequence[Seen]) -> None:
        from kinstall.operations.trust import store

        state = self._folder(spec).prepare()
        store(state.known_hosts, keys)

    def plan(
        self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Prompt
    ) -> tuple[Sequence[Finding], Sequence[PlannedChange]]:
        from kinstall.operations.plan import plan_only

        options = self._options(spec, prompt)
        emit(f"examining {count(len(spec.nodes), 'node')}")
        with redacted(options):
            return options.secrets.redactor.event(plan_only(spec, options))

    def replay(self, answers: Path, emit: Emit, stop: threading.Event, prompt: Prompt) -> Report:
        from kinstall.answers.load import load
        from kinstall.operations.replay import logged_replay

        spec = load(answers)
        options = self._options(spec, prompt)
        with redacted(options):
            return logged_replay(spec, options, emit, options.secrets.redactor.sink(emit), stop)

    def rehearse(self, answers: Path, emit: Emit, stop: threading.Event) -> Report:
        from kinstall.answers.load import load
        from kinstall.operations.replay import logged_replay

        if self._rehearsal is None:
            raise UsageError("there is nothing to rehearse with", "`kinstall rehearse` on the command line does it")
        spec = load(answers)
        with self._rehearsal() as options:
            return logged_replay(spec, options, emit, emit, stop)

    def verify(self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Prompt) -> Sequence[CheckResult]:
        from kinstall.operations.verify import verify_only

        options = self._options(spec, prompt)
        with redacted(options):
            return options.secrets.redactor.event(verify_only(spec, options, options.secrets.redactor.sink(emit), stop))

    def clusters(self) -> Sequence[KnownCluster]:
        from screens.begin.clusters import known_clusters

        return known_clusters()

    def last_run(self, spec: ClusterSpec, answers: Path | None) -> tuple[Run, Commands]:
        from kinstall.report import commands_for, last_run

        state = self._folder(spec)
        return last_run(state), commands_for(state, str(answers or ""))

    def report(self, spec: ClusterSpec, answers: Path | None) -> Path:
        from kinstall.report import write

        return write(self._folder(spec), None, str(answers or ""))

    def merge_kubeconfig(self, spec: ClusterSpec) -> Written:
        from kinstall.operations.kubeconfig import merge_into

        state = self._folder(spec)
        content = state.read(state.admin_conf)
        if content is None:
            raise UsageError(f"there is no {state.admin_conf} yet", "Install makes it")
        return merge_into(None, content)

    def _folder(self, spec: ClusterSpec) -> StateFolder:
        from kinstall.state.folder import StateFolder

        return StateFolder.of(spec.cluster_name, self._state).check()

    def _options(self, spec: ClusterSpec, prompt: Prompt) -> Options:
        from kinstall.operations.options import options_for
        from kinstall.secrets import Secrets

        return options_for(spec, self._state, Secrets(prompt=prompt), self._parallel)
