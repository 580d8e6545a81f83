"""What goes wrong on simulated hosts, as it would on real ones: `NODE:KIND` or `NODE:KIND@PHASE`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kinstall.engine.steps import Download, File, Image, Step
from kinstall.errors import Unreachable, UsageError
from kinstall.simulation.host import Trouble

UNREACHABLE, DISK_FULL, WRONG_CHECKSUM, SLOW_LINK = "unreachable", "disk-full", "wrong-checksum", "slow-link"
KINDS = (UNREACHABLE, DISK_FULL, WRONG_CHECKSUM, SLOW_LINK)

SLOW_ANSWER, SLOW_FILE, SLOW_LARGE = 0.5, 0.02, 1.0
"""Seconds that a slow link adds to each question, to each file that is sent, to each download and image."""

_OTHER_DIGEST = "0" * 64


@dataclass(frozen=True, slots=True)
class Fault:
    """From `phase` on (empty: from the start) `kind` happens on `node`."""

    node: str
    kind: str
    phase: str = ""

    def __str__(self) -> str:
        return f"{self.node}:{self.kind}" + (f"@{self.phase}" if self.phase else "")


def parse_fault(text: str, nodes: Iterable[str], phases: Sequence[str]) -> Fault:
    """Read what `--fault` was given.

    Raises:
        UsageError: it has another form, or names a node, kind or phase that there is not
    """
    node, colon, rest = text.partition(":")
    kind, at, phase = rest.partition("@")
    if not colon or not kind or (at and not phase):
        raise UsageError(f"--fault {text} is not NODE:KIND or NODE:KIND@PHASE", f"KIND is one of {', '.join(KINDS)}")
    known = tuple(nodes)
    if node not in known:
        shown = ", ".join(known[:6]) + (" …" if len(known) > 6 else "")
        raise UsageError(f"--fault {text}: {node} is not a node", f"the nodes are {shown}")
    if kind not in KINDS:
        raise UsageError(f"--fault {text}: {kind} is not a fault", f"there are {', '.join(KINDS)}")
    if phase and phase not in phases:
        raise UsageError(f"--fault {text}: {phase} is not a phase", f"the phases are {', '.join(phases)}")
    return Fault(node, kind, phase)


class Misfortune:
    """The faults of one node as they strike; those that did are put into `met`.

    `pace` is how long (seconds) each step takes. `given_up` ends every wait: the operator closed the connections.
    """

    def __init__(
        self,
        node: str,
        faults: Sequence[Fault],
        phases: Sequence[str],
        pace: float,
        given_up: threading.Event,
        met: set[Fault],
    ) -> None:
        self.node = node
        self.met = met
        self._faults = faults
        self._phases = phases
        self._pace = pace
        self._given_up = given_up
        self._phase = ""

    def reach(self) -> None:
        """The node is asked something. May raise Unreachable."""
        if self._given_up.is_set():
            raise Unreachable(self.node, "the connection was closed")
        if self._strikes(UNREACHABLE):
            raise Unreachable(
                self.node,
                "no answer within 10 s (as --fault says)",
                "check the address, the power and the firewalls between",
            )
        if self._strikes(SLOW_LINK):
            self._given_up.wait(SLOW_ANSWER)

    def interfere(self, phase: str, step: Step) -> Trouble | None:
        """`step` is about to be brought about. May raise Unreachable."""
        if phase != self._phase:
            self._phase = phase
            self._broken()
            if self._strikes(SLOW_LINK):
                self._given_up.wait(SLOW_ANSWER)
        if self._pace:
            self._given_up.wait(self._pace)
        if self._strikes(SLOW_LINK):
            self._given_up.wait(_slow(step))
        if isinstance(step, (File, Download, Image)) and self._strikes(DISK_FULL, default="download"):
            return _disk_full(step)
        if isinstance(step, Download) and self._strikes(WRONG_CHECKSUM):
            return Trouble(1, (f"checksum of {step.url} is {_OTHER_DIGEST}, not {step.sha256}",))
        return None

    def _broken(self) -> None:
        if self._strikes(UNREACHABLE):
            raise Unreachable(
                self.node,
                "the connection broke (as --fault says)",
                "check the host and the network; running again continues",
            )

    def _strikes(self, kind: str, default: str = "") -> bool:
        """Whether a fault of this kind strikes now. `default`: the phase from which it does where it names none."""
        for fault in self._faults:
            if fault.kind == kind and self._turn(self._phase) >= self._turn(fault.phase or default):
                self.met.add(fault)
                return True
        return False

    def _turn(self, phase: str) -> int:
        return self._phases.index(phase) if phase in self._phases else -1


def _slow(step: Step) -> float:
    return SLOW_FILE if isinstance(step, File) else SLOW_LARGE if isinstance(step, (Download, Image)) else 0.0


def _disk_full(step: File | Download | Image) -> Trouble:
    """What tar, curl and ctr say."""
    match step:
        case File():
            return Trouble(2, (f"tar: {step.path.lstrip('/')}: Cannot write: No space left on device",))
        case Download():
            return Trouble(
                1, (f"could not fetch {step.url} (exit 23): curl: (23) Failure writing output to destination",)
            )
        case Image():
            return Trouble(1, (f"ctr: failed to pull {step.ref}: write: no space left on device",))
