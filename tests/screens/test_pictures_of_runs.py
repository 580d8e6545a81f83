"""What Nodes, Install and Done look like, errors included, on a small and on a large terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from kinstall.cluster import ClusterSpec
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
from kinstall.errors import Cancelled, KinstallError, PreflightFailed, StepFailed, UsageError
from kinstall.findings import Finding, Severity
from kinstall.report import Commands, Run
from screens.app import WizardApp
from screens.draft.draft import Draft
from screens.install.run import Stage
from screens.nodes.machines import Machines
from screens.nodes.trust import TrustKeys
from screens.services import Emit, Prompt
from tests.screens.picture import SIZES, looks_like
from tests.screens.simulated import ANSWERS, SimulatedServices, wizard
from tests.screens.test_install import asked, top, until

ROLES = {"cp1": "control-plane", "w1": "worker", "w2": "worker"}
PHASES = ("prepare", "download", "runtime", "images", "kubernetes", "control-plane", "network", "addons", "verify")
pytestmark = pytest.mark.parametrize("size", SIZES)


class Told(SimulatedServices):
    """What a probe finds and what the last run was is given."""

    def __init__(self, found: Sequence[tuple[str, list[Finding]]] = (), run: Run | None = None) -> None:
        super().__init__()
        self.found, self.run = found, run

    def probe(self, spec: ClusterSpec, emit: Emit, stop: threading.Event, prompt: Prompt) -> Sequence[Finding]:
        for node, findings in self.found:
            emit((node, findings))
        return [finding for _, findings in self.found for finding in findings]

    def last_run(self, spec: ClusterSpec, answers: Path | None) -> tuple[Run, Commands]:
        if self.run is None:
            raise UsageError("there is no run in ~/.local/state/kinstall/demo/runs yet")
        return self.run, Commands("kubectl", "~/.local/state/kinstall/demo/admin.conf", "demo.yaml")


def fine(node: str, *checks: str) -> list[Finding]:
    return [Finding(node, check, Severity.OK, "fine") for check in checks]


SWAP = Finding(
    "w1",
    "swap",
    Severity.ERROR,
    "swap is on (2 GiB, /swapfile): the kubelet will not start with it",
    "turn it off: swapoff -a, and remove it from /etc/fstab",
)
FOUND = (
    ("cp1", fine("cp1", "kernel", "cpu", "memory", "clock", "ports")),
    ("w1", [SWAP, Finding("w1", "cpu", Severity.WARNING, "1 CPU", "2 are better"), *fine("w1", "kernel", "clock")]),
    ("w2", [Finding("w2", "ssh", Severity.ERROR, "no route to 10.90.0.13:22", "check the address and the network")]),
    ("", [Finding("", "clocks", Severity.WARNING, "clocks are 0.4 s apart", "run a time service on all nodes")]),
)


# A run, told event by event, with the second at which each came


def events(*, upto: str) -> list[tuple[float, Event]]:
    """The first 24 seconds of a run: `running`, `failed` (w2 did not get its runtime up) or `done`."""
    told: list[tuple[float, Event]] = [(0.0, Notice("", "w1: cpu: 1 CPU; 2 are better"))]
    totals = {"cp1": 20, "w1": 12, "w2": 12}
    told.append((1.0, RunStarted("r1", "replay", "demo", PHASES, ROLES, 44, totals)))
    for node in ROLES:
        told.append((1.0, PhaseStarted(node, "prepare", 3, 3)))
        for step in ("file /etc/modules-load.d/k8s.conf", "file /etc/sysctl.d/k8s.conf", "script kernel settings"):
            told.append((1.2, StepStarted(node, "prepare", step)))
            told.append((1.5, StepFinished(node, "prepare", step, Outcome.CHANGED, 0.1, "create")))
        told.append((2.0, PhaseFinished(node, "prepare", Outcome.CHANGED, 1.0)))
        told.append((2.0, PhaseStarted(node, "runtime", 2, 2)))
        told.append((2.1, StepStarted(node, "runtime", "unit containerd.service")))
    pause = "image registry.k8s.io/pause:3.10.2"
    for node in ("cp1", "w1"):
        told.append((6.0, StepFinished(node, "runtime", "unit containerd.service", Outcome.CHANGED, 3.9, "start")))
        told.append((6.0, PhaseFinished(node, "runtime", Outcome.CHANGED, 4.0)))
        told.append((6.0, PhaseStarted(node, "images", 2, 2)))
        told.append((6.1, StepStarted(node, "images", pause)))
        told += [(7.0, OutputLine(node, "images", pause, f"layer {part} of 9: 21 of 24 MB")) for part in range(1, 10)]
    if upto == "running":
        return told
    if upto == "failed":
        why = (
            "containerd did not start: /etc/containerd/config.toml line 7: unknown key; take the line out of "
            "components.containerd.config (containerd.service: toml: unknown key)"
        )
        told += [(9.0, StepFinished("w2", "runtime", "unit containerd.service", Outcome.FAILED, 6.9, why))]
        told += [(9.0, PhaseFinished("w2", "runtime", Outcome.FAILED, 7.0))]
        return [*told, (20.0, RunFinished(Outcome.FAILED, 9, 3, 1, 20.0, f"w2: {why}"))]
    for at, phase in enumerate(PHASES[3:-1]):
        for node in ROLES:
            told.append((8.0 + 2 * at, PhaseStarted(node, phase, 1, 1)))
            told.append((9.5 + 2 * at, StepFinished(node, phase, f"file /etc/{phase}", Outcome.CHANGED, 0.1)))
            told.append((9.5 + 2 * at, PhaseFinished(node, phase, Outcome.CHANGED, 1.5)))
    told.append((20.0, PhaseStarted("", "verify", 0, 0)))
    checks = [("API ready cp1", Outcome.OK, "200"), *((f"node Ready {node}", Outcome.OK, "") for node in ROLES)]
    checks += [("CoreDNS", Outcome.OK, "2 of 2"), ("DNS outside", Outcome.SKIPPED, "the hosts have no resolver")]
    told += [(23.0, StepFinished("", "verify", name, outcome, 0.2, why)) for name, outcome, why in checks]
    told.append((24.0, PhaseFinished("", "verify", Outcome.OK, 4.0)))
    return [*told, (24.0, RunFinished(Outcome.CHANGED, 41, 3, 0, 24.0))]


def at(moment: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still on the Install screen."""
    monkeypatch.setattr("screens.install.screen.monotonic", lambda: moment)


async def shown(
    app: WizardApp, pilot: Pilot[int], upto: str, stage: Stage, error: KinstallError | None = None, node: str = ""
) -> None:
    """The Install screen of a run that came so far."""
    run = app.run_of_nodes
    run.begin(Path("demo.yaml"), app.draft.spec, 0.0)
    for moment, event in events(upto=upto) if upto else ():
        run.add(event, moment)
    run.stage, run.error = stage, error
    await app.action_go("install")
    await pilot.pause(0.3)
    if node:
        top(app).query_one("#table").choose(node)
    await pilot.pause(0.3)


# Nodes


async def test_nodes_before_there_is_one(size: tuple[int, int]) -> None:
    """An empty table says which keys fill it."""
    app = WizardApp(Draft.new(), Told())
    async with app.run_test(size=size) as pilot:
        await app.action_go("nodes")
        await pilot.pause(0.3)
        await looks_like(pilot, "nodes-empty")


async def test_nodes_probed(home: Path, size: tuple[int, int]) -> None:
    """Fit, not fit and out of reach beside one another; what is wrong with the chosen one stands below."""
    app = wizard(home, Told(FOUND), ANSWERS + "ssh:\n  port: 2222\n")
    async with app.run_test(size=size) as pilot:
        await app.action_go("nodes")
        await pilot.pause(0.3)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(top(app), TrustKeys))
        await looks_like(pilot, "nodes-host-keys")
        await pilot.press("a", "enter")
        await until(pilot, lambda: top(app).STEP == "nodes" and not top(app).probe.waiting)
        await pilot.press("down")
        await pilot.pause(0.3)
        await looks_like(pilot, "nodes-probed")


async def test_a_nodes_fields(home: Path, size: tuple[int, int]) -> None:
    """Every declared field of a node, with what is wrong under the one that is."""
    app = wizard(home, Told(), ANSWERS.replace("10.90.0.12", "10.90.0.300"))
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.5)
        await looks_like(pilot, "nodes-form")


async def test_pasted_machines(home: Path, size: tuple[int, int]) -> None:
    """What will be taken, what will not, and why."""
    app = wizard(home, Told())
    async with app.run_test(size=size) as pilot:
        await app.action_go("nodes")
        await pilot.pause(0.3)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(top(app), Machines))
        top(app).query_one(TextArea).load_text(
            "w2 10.90.0.13\nw3 10.90.0.14 ops@:2222 zone=a password=x\nw4 10.90.0.999"
        )
        await pilot.pause(0.3)
        await looks_like(pilot, "nodes-paste")


# Install


@pytest.mark.parametrize(
    ("name", "upto", "stage", "error", "node"),
    [
        ("idle", "", Stage.IDLE, None, ""),
        ("asking", "", Stage.RUNNING, None, ""),
        ("running", "running", Stage.RUNNING, None, "w1"),
        ("stopping", "running", Stage.STOPPING, None, "cp1"),
        ("stopped", "running", Stage.STOPPED, Cancelled("stopped at a step boundary"), "cp1"),
        ("failed", "failed", Stage.FAILED, StepFailed("w2", "unit containerd.service"), "w2"),
        ("refused", "", Stage.FAILED, PreflightFailed([SWAP, FOUND[2][1][0]]), ""),
        ("done", "done", Stage.DONE, None, "cp1"),
    ],
)
async def test_install(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    name: str,
    upto: str,
    stage: Stage,
    error: KinstallError | None,
    node: str,
) -> None:
    """Before, during and after a run, and each way in which one can end."""
    at(20.0 if name == "failed" else 12.0, monkeypatch)
    app = wizard(home, Told())
    async with app.run_test(size=size) as pilot:
        await shown(app, pilot, upto, stage, error, node)
        await looks_like(pilot, f"install-{name}")


async def test_install_with_a_search(home: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    """Matches stand out, and how many there are is said."""
    at(12.0, monkeypatch)
    app = wizard(home, Told())
    async with app.run_test(size=size) as pilot:
        await shown(app, pilot, "running", Stage.RUNNING, node="w1")
        await pilot.press("slash", *"layer", "enter")
        await pilot.pause(0.3)
        await looks_like(pilot, "install-search")


@pytest.mark.parametrize(("key", "name"), [("ctrl+c", "stop"), ("ctrl+q", "quit")])
async def test_install_asks(
    home: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], key: str, name: str
) -> None:
    """Ctrl+C and Quit in the middle of a run."""
    at(12.0, monkeypatch)
    app = wizard(home, Told())
    async with app.run_test(size=size) as pilot:
        await shown(app, pilot, "running", Stage.RUNNING, node="w1")
        await pilot.press(key)
        await pilot.pause(0.3)
        await looks_like(pilot, f"install-ask-{name}")


async def test_secrets_are_asked(home: Path, size: tuple[int, int]) -> None:
    """What is typed is not shown."""
    app = wizard(home, Told(), ANSWERS + "ssh:\n  password: 'prompt:'\n")
    async with app.run_test(size=size) as pilot:
        await app.action_go("install")
        await pilot.pause(0.3)
        await pilot.press("b")
        await until(pilot, lambda: bool(top(app).query(Input)) and top(app).query_one(Input).password)
        await pilot.press(*"abc")
        await pilot.pause(0.3)
        await looks_like(pilot, "install-secret")


async def test_the_question_before_a_run(home: Path, size: tuple[int, int]) -> None:
    """What will be done to which machines; No has the focus."""
    app = wizard(home, Told())
    async with app.run_test(size=size) as pilot:
        await asked(app, pilot)
        await looks_like(pilot, "install-begin")


# Done


def run_of(upto: str, change: Callable[[Any], Any] = lambda event: event) -> Run:
    told = tuple((moment, change(event)) for moment, event in events(upto=upto))
    return Run("20261123T120000Z-replay.log", datetime(2026, 11, 23, 12, tzinfo=UTC), told)


@pytest.mark.parametrize("name", ["up", "none", "failed"])
async def test_done(home: Path, size: tuple[int, int], name: str) -> None:
    """A cluster that is up, no run yet, and one that failed."""
    run = {"up": run_of("done"), "none": None, "failed": run_of("failed")}[name]
    app = wizard(home, Told(run=run))
    async with app.run_test(size=size) as pilot:
        if name == "failed":
            await until(pilot, lambda: hasattr(top(app), "answers"))  # it offers to go on
            await looks_like(pilot, "offer-to-go-on")
            await pilot.press("escape")
        await app.action_go("done")
        await until(pilot, lambda: bool(str(top(app).query_one("#done-headline").content)))
        await pilot.pause(0.3)
        await looks_like(pilot, f"done-{name}")
