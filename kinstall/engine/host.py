"""The seam to a node: ask what it has, bring about what differs, undo, read. `ShellHost` does it over a channel."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Protocol

from kinstall.engine import script
from kinstall.engine.diff import Pending, entries_for, stale_marks
from kinstall.engine.observation import Observation
from kinstall.engine.record import Entry, Kind, undo_order
from kinstall.engine.shell_functions import EXIT_BUSY, EXIT_STOPPED, LOCK_SECONDS, SEPARATOR
from kinstall.engine.steps import Download, Image, Step, Unit
from kinstall.engine.undo_program import undo_program
from kinstall.errors import NewerFormat, NodeBusy, Unreachable, UnreadableAnswer
from kinstall.transport.budget import Budget, Lines
from kinstall.transport.channel import Channel

SILENCE = 120.0
"""Seconds without a line until a node that was asked something counts as lost; a program that waits for a lock prints
one every second."""

ANSWER_BYTES, ANSWER_LINES, ANSWER_SECONDS = 64 << 20, 500_000, LOCK_SECONDS + 300.0
"""What a node may print when it is asked what it has: files of a diff and the record are a hundredth of it."""

WORK_SILENCE = 900.0
"""The same while it works: to stop a node's pods and to remove their files may take minutes without a word."""

WORK_BYTES, WORK_LINES, WORK_SECONDS = 32 << 20, 200_000, 6 * 3600.0
"""What the programs of one phase may print; an honest one prints some lines for each step that fails. The time is that
of images over a slow line."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a phase does on a node: `todo` in order; `providers` are all steps of the node; `seen` what it has."""

    todo: tuple[Pending, ...]
    providers: tuple[Step, ...]
    seen: Observation
    run: str
    phase: str = ""


class Listener(Protocol):
    """Hears how work goes on; indexes are those of the work's list."""

    def began(self, index: int) -> None: ...
    def said(self, index: int, line: str) -> None: ...
    def ended(self, index: int, status: int) -> None: ...
    def waits(self, reason: str) -> None: ...


class Host(Protocol):
    """A node as the engine sees it. Each call may raise kinstall.errors.TransportError."""

    name: str

    def observe(
        self, steps: Sequence[Step], run: str = "", waits: Callable[[str], None] = ..., take: bool = True
    ) -> Observation:
        """What the node has of `steps`. With `run` the node is taken over for that run; without, nothing changes.

        Without `take` the run must own the node already. May raise NodeBusy.
        """

    def apply(self, work: Work, listener: Listener) -> bool:
        """Bring `work.todo` about; False when it ended early (a step failed, or the run was stopped)."""

    def undo(self, entries: Sequence[Entry], run: str, listener: Listener) -> bool:
        """Undo `entries` (in the given order); False when one could not be undone."""

    def read(self, paths: Sequence[str]) -> dict[str, bytes]:
        """The files' contents, without those that are missing."""

    def stop(self, run: str) -> None:
        """Ask the program of `run` to end at its next step."""

    def close(self) -> None: ...


class ShellHost:
    """A node that is reached through a channel and runs sh programs.

    `depot` has what it cannot fetch by itself: called with where it comes from and its SHA-256 (hex).
    """

    def __init__(self, name: str, channel: Channel, depot: Callable[[str, str], Path] | None = None) -> None:
        self.name = name
        self.channel = channel
        self.depot = depot

    def observe(
        self,
        steps: Sequence[Step],
        run: str = "",
        waits: Callable[[str], None] = lambda reason: None,
        take: bool = True,
    ) -> Observation:
        output, told = self._answer(), False

        def on_line(line: str) -> None:
            nonlocal told
            output.add(line)
            if run and line == f"{SEPARATOR}busy" and not told:
                told = True
                waits("a program of an earlier run still works there; it ends at its next step")

        status = self.channel.execute(script.observe_program(steps, run, take), on_line=on_line, timeout=SILENCE)
        if status in (EXIT_STOPPED, EXIT_BUSY):
            raise _busy(self.name, status)
        try:
            seen = script.parse_observation(steps, output.lines)
        except NewerFormat as error:
            raise NewerFormat(f"{self.name}: {error.subject}", error.kept, error.known) from None
        except (ValueError, IndexError):
            raise UnreadableAnswer(self.name) from None
        if seen is None:
            raise Unreachable(self.name, f"it did not answer to the end (exit {status})", _last(output.lines))
        return seen

    def apply(self, work: Work, listener: Listener) -> bool:
        entries = entries_for(work.todo, work.seen)
        sent = self._sent(work)
        if sent:
            size = sum(path.stat().st_size for path in sent.values())
            listener.waits(f"it is sent {max(1, size >> 20)} MiB, which it cannot fetch")
        program = script.apply_program(
            work.todo,
            work.providers,
            entries,
            stale_marks(work.todo, work.providers),
            work.run,
            needs_reload=any(work.seen.units[s.name].needs_reload for s in _units(work)),
            backups=frozenset(e.subject for e in (*work.seen.record, *entries) if e.kind is Kind.FILE and e.backup),
            sent=bool(sent),
        )
        return self._follow(program, script.payload(work.todo, sent), listener, len(work.todo))

    def _sent(self, work: Work) -> dict[str, Path]:
        """Digest → local file of what the node cannot fetch: image archives, and files that only the operator has, or
        that a node without a program for it would have to be given anyway."""
        if self.depot is None:
            return {}
        fetches = bool(work.seen.tools & {"curl", "wget"})
        wanted: dict[str, str] = {}
        for step in (item.step for item in work.todo):
            if isinstance(step, Download) and (step.sent or not fetches):
                wanted[step.sha256] = step.url
            elif isinstance(step, Image) and step.archive is not None:
                wanted[step.archive.sha256] = step.archive.source
        return {sha256: self.depot(source, sha256) for sha256, source in wanted.items()}

    def undo(self, entries: Sequence[Entry], run: str, listener: Listener) -> bool:
        # kinstall's own folders are one step more.
        return self._follow(undo_program(entries, run), (), listener, len(entries) + 1)

    def _follow(self, program: str, payload: Iterable[bytes], listener: Listener, count: int) -> bool:
        relay = _Relay(self.name, listener, count)
        status = self.channel.execute(program, payload, on_line=relay.line, timeout=WORK_SILENCE)
        if status == EXIT_BUSY:
            raise _busy(self.name, status)
        if status == EXIT_STOPPED or relay.stopped:
            return False
        if not relay.done and not relay.failed:
            # A missing record is a failure: the program died without a word.
            listener.said(relay.current, f"the program on the node ended early (exit {status})")
            if relay.current < count:
                listener.ended(relay.current, status or 1)
        return relay.done and not relay.failed

    def read(self, paths: Sequence[str]) -> dict[str, bytes]:
        words = " ".join(quote(path) for path in paths)
        program = f'for f in {words}; do [ -f "$f" ] || continue; printf \'\\036%s\\n\' "$f"; base64 <"$f"; done\n'
        output = self._answer()
        self.channel.execute(program, on_line=output.add, timeout=SILENCE)
        found: dict[str, list[str]] = {}
        current: list[str] = []
        for line in output.lines:
            if line.startswith(SEPARATOR):
                current = found.setdefault(line[1:], [])
            else:
                current.append(line)
        try:
            return {path: base64.b64decode("".join(found[path])) for path in paths if path in found}
        except ValueError:
            raise UnreadableAnswer(self.name) from None

    def stop(self, run: str) -> None:
        self.channel.execute(script.stop_program(run), on_line=self._answer().add, timeout=SILENCE)

    def close(self) -> None:
        self.channel.close()

    def _answer(self) -> Lines:
        # A line of the record that lost its end would never be undone.
        return Lines(self.name, ANSWER_BYTES, ANSWER_LINES, ANSWER_SECONDS, longest=0)


def recorded(seen: Observation) -> tuple[Entry, ...]:
    """The node's record in the order in which it is undone."""
    return undo_order(seen.record)


def _busy(node: str, status: int) -> NodeBusy:
    if status == EXIT_STOPPED:
        return NodeBusy(node, "another run took this node over", "let one run end before the next begins")
    return NodeBusy(
        node,
        f"a program of an earlier run still works there after {LOCK_SECONDS // 60} minutes",
        "see what it does (`fuser -v /run/kinstall/lock` there), or reboot the node; running again continues",
    )


def _units(work: Work) -> list[Unit]:
    return [p.step for p in work.todo if isinstance(p.step, Unit) and p.step.name in work.seen.units]


def _last(lines: Sequence[str]) -> str:
    words = [line for line in lines if line and not line.startswith(SEPARATOR)]
    return words[-1] if words else ""


class _Relay:
    """Turns a program's lines into a listener's calls. What it says of steps that it does not have is not believed."""

    def __init__(self, node: str, listener: Listener, count: int) -> None:
        self.node = node
        self.listener = listener
        self.count = count
        self.current = 0
        self.done = self.failed = self.stopped = False
        self._budget = Budget(node, WORK_BYTES, WORK_LINES, WORK_SECONDS)

    def line(self, line: str) -> None:
        """Raises UnreadableAnswer and TooMuchOutput, which end the program."""
        self._budget.spend(line)
        if not line.startswith(SEPARATOR):
            self.listener.said(self.current, line)
            return
        match line[1:].split("\t"):
            case ["begin", index]:
                self.current = self._step(index)
                self.listener.began(self.current)
            case ["out", index, *words]:
                self.listener.said(self._step(index), "\t".join(words))
            case ["end", index, status]:
                self.failed = self.failed or status != "0"
                self.listener.ended(self._step(index), self._number(status))
            case ["busy"]:
                self.listener.waits("a program of an earlier run still works there; it ends at its next step")
            case ["fatal", why]:
                self.listener.said(self.current, why)
            case ["stopped"]:
                self.stopped = True
            case ["done"]:
                self.done = True
            case ["beat"]:
                pass
            case _:
                raise UnreadableAnswer(self.node)

    def _step(self, index: str) -> int:
        number = self._number(index)
        if number >= self.count:
            raise UnreadableAnswer(self.node)
        return number

    def _number(self, text: str) -> int:
        if not re.fullmatch("[0-9]{1,6}", text):
            raise UnreadableAnswer(self.node)
        return int(text)
