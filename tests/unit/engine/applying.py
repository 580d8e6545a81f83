"""Steps brought about on a local node as the runner does it, and what was heard meanwhile."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field

from assets.container_runtime.containerd import CONTAINER_RUNTIME
from kinstall.engine.diff import Action, pending
from kinstall.engine.host import ShellHost, Work
from kinstall.engine.record import undo_order
from kinstall.engine.steps import ImageStore, Step
from tests.unit.local_node import LocalNode

STORE = ImageStore(**asdict(CONTAINER_RUNTIME.images))
"""containerd's."""


@dataclass
class Heard:
    """A listener that remembers."""

    ends: list[tuple[int, int]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)

    def began(self, index: int) -> None:
        self.begun.set()

    def said(self, index: int, line: str) -> None:
        self.words.append(line)

    def ended(self, index: int, status: int) -> None:
        self.ends.append((index, status))

    def waits(self, reason: str) -> None:
        self.waited.append(reason)


def bring(node: LocalNode, *steps: Step, run: str = "r1", heard: Heard | None = None) -> tuple[bool, Heard]:
    """Observe, diff, apply, as the runner does."""
    host, heard = ShellHost("local", node), heard or Heard()
    seen = host.observe(steps, run)
    todo = pending(steps, seen)
    return (host.apply(Work(todo, steps, seen, run), heard) if todo else True), heard


def left(node: LocalNode, *steps: Step) -> list[tuple[str, Action]]:
    """What would still be done."""
    return [(item.step.id, item.action) for item in pending(steps, ShellHost("local", node).observe(steps))]


def undo(node: LocalNode, *steps: Step) -> bool:
    host = ShellHost("local", node)
    return host.undo(undo_order(host.observe(steps, "reset").record), "reset", Heard())
