"""What takes time, off the event loop: each job on a daemon thread of its own, its items through one queue.

Threads only append to the queue; the app drains it on a timer. A blocked job neither delays a key nor holds the end of
the program.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kinstall.errors import KinstallError


def _ignore(_: Any) -> None:
    pass


@dataclass(slots=True, eq=False)
class Job:
    """Work in progress. Its thread ends when it next checks `stop`."""

    name: str
    on_item: Callable[[Any], None]
    on_done: Callable[[Any], None]
    on_error: Callable[[KinstallError], None]
    stop: threading.Event = field(default_factory=threading.Event)
    forgotten: bool = False
    ended: bool = False

    def cancel(self) -> None:
        """Ask it to stop; its items until then, and its end, are still handed over."""
        self.stop.set()

    def forget(self) -> None:
        """Ask it to stop, and drop everything that still comes from it."""
        self.stop.set()
        self.forgotten = True


Work = Callable[[Callable[[Any], None], threading.Event], Any]
"""work(emit, stop): `emit` hands an item over and returns at once; what it returns is handed over at the end."""


class Background:
    """Starts jobs and hands over what they emit. Callbacks run where `drain` is called: on the event loop."""

    def __init__(self, limit: int = 5000) -> None:
        self._queue: deque[tuple[Job, str, Any]] = deque()
        self._limit = limit
        self.jobs: list[Job] = []

    def start(
        self,
        name: str,
        work: Work,
        *,
        on_item: Callable[[Any], None] = _ignore,
        on_done: Callable[[Any], None] = _ignore,
        on_error: Callable[[KinstallError], None] = _ignore,
    ) -> Job:
        """Run `work` on a thread. An earlier job of the same name is forgotten: its result would be about old answers.

        An exception that is no KinstallError becomes one: no failure of a job ends the wizard.
        """
        for other in self.jobs:
            if other.name == name:
                other.forget()
        job = Job(name, on_item, on_done, on_error)
        self.jobs.append(job)

        def run() -> None:
            try:
                result = work(lambda item: self._queue.append((job, "item", item)), job.stop)
            except KinstallError as error:
                self._queue.append((job, "error", error))
            except Exception as error:
                from kinstall.state import crash_report

                self._queue.append((job, "error", crash_report.internal_error(error, name)))
            else:
                self._queue.append((job, "done", result))

        threading.Thread(target=run, name=f"kinstall-{name}", daemon=True).start()
        return job

    async def result(self, name: str, work: Work, *, on_item: Callable[[Any], None] = _ignore) -> Any:
        """start(), and wait for the result without blocking the event loop.

        Raises:
            KinstallError: what the work raised
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def ended(put: Callable[[Any], None], value: Any) -> None:
            if not future.done():  # the waiting task may have been cancelled
                put(value)

        self.start(
            name,
            work,
            on_item=on_item,
            on_done=lambda value: ended(future.set_result, value),
            on_error=lambda error: ended(future.set_exception, error),
        )
        return await future

    def drain(self) -> None:
        """Hand over what was queued since, at most `limit` items: the rest comes with the next call."""
        for _ in range(min(len(self._queue), self._limit)):
            job, kind, value = self._queue.popleft()
            if kind != "item":
                job.ended = True
                self.jobs.remove(job)
            if not job.forgotten:
                {"item": job.on_item, "done": job.on_done, "error": job.on_error}[kind](value)

    def running(self, name: str) -> bool:
        """Whether a job of that name is running and not forgotten."""
        return any(job.name == name and not job.forgotten for job in self.jobs)

    def cancel(self, name: str) -> None:
        """Ask the jobs of that name to end."""
        for job in self.jobs:
            if job.name == name:
                job.cancel()

    def cancel_all(self) -> None:
        for job in self.jobs:
            job.cancel()
