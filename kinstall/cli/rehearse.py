"""`kinstall rehearse`: a whole replay against simulated hosts."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from kinstall.answers.load import load, parse
from kinstall.cli.parser import WATCHED
from kinstall.cli.show_run import run_shown
from kinstall.cluster import ClusterSpec
from kinstall.errors import UsageError
from kinstall.operations.options import Options
from kinstall.plan.phase_names import PHASES
from kinstall.simulation import World, parse_fault, store
from kinstall.state.folder import StateFolder
from kinstall.terminal.tables import show_verify
from kinstall.wording import count

EXAMPLE = "example.yaml"


def rehearse(chosen: argparse.Namespace) -> int:
    """Ends as the replay would: its exit code, its causes."""
    spec = load(chosen.answers) if chosen.answers else example()
    faults = [parse_fault(text, [node.name for node in spec.nodes], PHASES) for text in chosen.fault]
    text = chosen.output == "text"
    with _state(chosen.state) as state:
        watched = text and sys.stdout.isatty() and not chosen.quiet
        pace = chosen.pace if chosen.pace is not None else WATCHED if watched else 0.0
        world = World(faults=faults, pace=pace, parallel=chosen.parallel)
        if chosen.state:
            world.disks = store.load(state.simulated)
        options = Options(
            state=state,
            secrets=world.secrets,
            session=world.session,
            parallel=chosen.parallel,
            until=chosen.until,
            command="rehearse",
        )
        if text:
            print(f"Rehearsal: {_nodes(spec)}, simulated. No host is reached, nothing is fetched.")
            print(f"Each is {world.machine}.\n", flush=True)
        try:
            checks, ended = run_shown(spec, options, chosen.output, quiet=chosen.quiet)
        finally:
            if chosen.state:
                store.save(state.simulated, world.disks)
        if checks and text:
            show_verify(checks, sys.stdout)
    if text:
        for fault in world.unmet:
            print(f"note: {fault} had no effect: nothing was done there that it applies to")
    if ended:
        raise ended
    if text:
        _print_next_steps(chosen, state)
    return 0


def example() -> ClusterSpec:
    """The cluster of a rehearsal without answers."""
    return parse(files("kinstall.simulation").joinpath(EXAMPLE).read_text(encoding="utf-8"), EXAMPLE)


@contextmanager
def in_memory(pace: float = 0.1) -> Iterator[Options]:
    """Options of a rehearsal that keeps nothing. `pace`: seconds per step, slow enough to watch."""
    with _state(None) as state:
        world = World(pace=pace)
        yield Options(state=state, secrets=world.secrets, session=world.session, command="rehearse")


@contextmanager
def _state(chosen: str | None) -> Iterator[StateFolder]:
    """The state folder of a rehearsal: a temporary one, or the `chosen` one, never a real cluster's."""
    if not chosen:
        with tempfile.TemporaryDirectory(prefix="kinstall-rehearsal-") as scratch:
            yield StateFolder(Path(scratch) / "state").prepare()
        return
    state = StateFolder.of("", chosen).check()
    if state.exists() and not state.simulated.exists() and any(state.path.iterdir()):
        raise UsageError(
            f"{state.path} holds something other than a rehearsal, perhaps a cluster's keys", "name a new folder"
        )
    state.prepare()
    state.simulated.mkdir(mode=0o700, exist_ok=True)
    yield state


def _nodes(spec: ClusterSpec) -> str:
    planes, workers = len(spec.control_planes), len(spec.nodes) - len(spec.control_planes)
    return f"{count(planes, 'control plane')} and {count(workers, 'worker')}"


def _print_next_steps(chosen: argparse.Namespace, state: StateFolder) -> None:
    print("\nThis was a rehearsal: no host was touched.")
    if chosen.state:
        print(f"The hosts' files are in {state.simulated}; running the same command again finds nothing to do.")
    if chosen.answers:
        print(f"For real: kinstall replay {chosen.answers}")
    else:
        print("This was a built-in example; with your own answers: kinstall rehearse ANSWERS")
