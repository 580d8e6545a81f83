"""The one way by which rich's output reaches a terminal: harmless, whatever it shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from kinstall.terminal.stream import raw
from kinstall.wording import harmless


class HarmlessConsole(Console):
    """Writes to the stream itself, as its colours are escape sequences; cleans every piece of text instead."""

    def __init__(
        self,
        stream: TextIO,
        *,
        width: int | None = None,
        height: int | None = None,
        color_system: str | None = "auto",
        force_terminal: bool | None = None,
    ) -> None:
        super().__init__(
            file=raw(stream),
            width=width,
            height=height,
            color_system=color_system,  # type: ignore[arg-type]  # rich declares a Literal
            force_terminal=force_terminal,
            highlight=False,
            emoji=False,
            markup=False,
        )

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """rich's own, with the text of each segment made harmless; its control segments (the cursor's) stay."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else harmless(segment.text)
            yield segment if text is segment.text else Segment(text, segment.style)
