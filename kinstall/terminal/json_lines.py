"""`--output json`: one event per line, the last one (`runFinished`) with the counts."""

from __future__ import annotations

import json
from types import TracebackType
from typing import TextIO

from kinstall.engine.events import Event, as_dict
from kinstall.terminal.stream import LineWriter


class JsonLines:
    """A sink that writes each event as one JSON object per line, in ASCII, so that no locale can break it."""

    def __init__(self, stream: TextIO) -> None:
        self._out = LineWriter(stream)

    @property
    def broken(self) -> bool:
        return self._out.broken

    def __call__(self, event: Event) -> None:
        self._out.write(json.dumps(as_dict(event)))

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
