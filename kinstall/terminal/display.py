"""The live display: one line per node and one for the whole run; failures and notices scroll by above.

Threads of the run only append to a deque. One thread of the display's own folds it ten times a second and paints once,
so that a chatty step costs the run nothing. What is painted is made by `kinstall.terminal.colours`, which is pure.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from rich.live import Live

from kinstall.engine.events import Event, Notice, PhaseFinished, RunFinished, StepFinished
from kinstall.progress.model import BAD, Progress
from kinstall.terminal.colours import Painter
from kinstall.terminal.console import HarmlessConsole
from kinstall.terminal.stream import silence

PER_SECOND = 10


class LiveDisplay:
    """A sink for a terminal. `clock` gives seconds of a monotonic clock."""

    def __init__(
        self, stream: TextIO, clock: Callable[[], float] = time.monotonic, console: HarmlessConsole | None = None
    ) -> None:
        self.progress = Progress()
        self._console = console or HarmlessConsole(stream)
        self._painter = Painter.for_encoding(self._console.encoding)
        self._clock = clock
        self._stream = stream
        self._events: deque[tuple[float, Event]] = deque()
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop", transient=False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._paint_until_stopped, name="kinstall-display", daemon=True)
        self._broken = False

    @property
    def broken(self) -> bool:
        return self._broken

    def __call__(self, event: Event) -> None:
        self._events.append((self._clock(), event))

    def __enter__(self) -> LiveDisplay:
        try:
            self._live.start()
        except BrokenPipeError:
            self._give_up()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._paint()
        if not self._broken:
            try:
                self._live.stop()  # puts the cursor back
            except BrokenPipeError:
                self._give_up()

    def _paint_until_stopped(self) -> None:
        while not self._stop.wait(1 / PER_SECOND):
            self._paint()

    def _paint(self) -> None:
        """Fold what has come, print what stays, and draw the rest once."""
        above = []
        for _ in range(len(self._events)):  # not what comes meanwhile: a flood must not delay the frame
            at, event = self._events.popleft()
            self.progress.fold(event, at)
            if self._is_kept(event):
                above.append(event)
        if self._broken:
            return
        try:
            for event in above:
                for line in self._painter.above(event):
                    self._console.print(line)
            size = self._console.size
            self._live.update(self._painter.frame(self.progress, self._clock(), size.width, size.height), refresh=True)
        except BrokenPipeError:
            self._give_up()

    def _is_kept(self, event: Event) -> bool:
        match event:
            case Notice():
                return True
            case RunFinished():
                return not self.progress.failures  # else its message repeats the first of them
            case StepFinished():
                return event.outcome in BAD
            case PhaseFinished() if event.outcome in BAD:
                # If one of its steps failed, that was shown already.
                failure = self.progress.nodes[event.node].failure
                return failure is not None and failure.phase == event.phase and not failure.step
            case _:
                return False

    def _give_up(self) -> None:
        self._broken = True
        silence(self._stream)
