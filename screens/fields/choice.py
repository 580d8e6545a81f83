"""One of a few: all are visible at once, and the chosen one is marked by a character, not by a colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

_GAP = 3


class Choice(Widget, can_focus=True):
    """`● routed  ○ overlay` on one line; with `lines` one below the other, each with its line.

    `value` is "" while none is chosen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", show=False),
        Binding("right", "move(1)", show=False),
        Binding("space", "move(1)", show=False),
    ]
    value = reactive("", layout=False)

    class Changed(Message):
        """Somebody chose."""

        def __init__(self, choice: Choice, value: str) -> None:
            super().__init__()
            self.choice, self.value = choice, value

        @property
        def control(self) -> Choice:
            return self.choice

    def __init__(
        self, options: Sequence[tuple[str, str]], value: str = "", *, lines: Mapping[str, str] | None = None
    ) -> None:
        """`options` are (value, what is shown for it); `lines` has what each value means."""
        super().__init__()
        self.options = tuple(options)
        self.lines = dict(lines or {})
        self.set_reactive(Choice.value, value)

    @property
    def index(self) -> int:
        """Of the chosen option; -1 while there is none."""
        return next((index for index, (value, _) in enumerate(self.options) if value == self.value), -1)

    def choose(self, value: str) -> None:
        """Choose as keys do."""
        if value != self.value:
            self.value = value
            self.post_message(self.Changed(self, value))

    def action_move(self, by: int) -> None:
        self.choose(self.options[(self.index + by) % len(self.options) if self.index >= 0 else 0][0])

    def _marked(self) -> list[str]:
        return [f"{'●' if value == self.value else '○'} {label}" for value, label in self.options]

    def _rows(self, width: int) -> list[tuple[str, list[str]]]:
        """(the marked option, its line in as many rows as it takes) of each option."""
        marked = self._marked()
        first = max(map(len, marked)) + _GAP
        texts = [self.lines.get(value, "") for value, _ in self.options]
        return [
            (f"{text:<{first}}", wrap(line, max(width - first, 12)) or [""])
            for text, line in zip(marked, texts, strict=True)
        ]

    def render(self) -> Content:
        here = "bold underline ansi_cyan" if self.has_focus else "bold"
        styles = [here if index == max(self.index, 0) else "" for index in range(len(self.options))]
        if not self.lines:
            parts = zip(self._marked(), styles, strict=True)
            return Content(" " * _GAP).join([Content.styled(text, style) for text, style in parts])
        shown: list[Content] = []
        for (text, rows), style in zip(self._rows(self.size.width), styles, strict=True):
            name, gap = text.rstrip(), " " * (len(text) - len(text.rstrip()))
            dim = "" if style else "dim"
            shown.append(Content.assemble((name, style), gap, (rows[0], dim)))
            shown += [Content.styled(" " * len(text) + row, dim) for row in rows[1:]]
        return Content("\n").join(shown)

    def get_content_width(self, container: object, viewport: object) -> int:
        texts = self._marked()
        if self.lines:
            return max(map(len, texts)) + _GAP + max(map(len, self.lines.values()))
        return sum(map(len, texts)) + _GAP * (len(texts) - 1)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return sum(len(rows) for _, rows in self._rows(width)) if self.lines else 1

    def on_click(self, event: events.Click) -> None:
        at = event.y if self.lines else event.x
        rooms = (
            [len(rows) for _, rows in self._rows(self.size.width)]
            if self.lines
            else [len(text) + _GAP for text in self._marked()]
        )
        for (value, _), room in zip(self.options, rooms, strict=True):
            if at < room:
                self.choose(value)
                return
            at -= room
