"""One of a few: all are visible at once, and the chosen one is marked by a character, not by a colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class Choice(Widget, can_focus=True):
    """`● routed  ○ overlay` on one line, or one below the other if `upright`. `value` is "" while none is chosen."""

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

    def __init__(self, options: Sequence[tuple[str, str]], value: str = "", *, upright: bool = False) -> None:
        """`options` are (value, what is shown for it)."""
        super().__init__()
        self.options = tuple(options)
        self.upright = upright
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

    def render(self) -> Content:
        gap = "\n" if self.upright else "   "
        style = "bold underline" if self.has_focus else ""
        parts = [(text, style if index == max(self.index, 0) else "") for index, text in enumerate(self._marked())]
        return Content(gap).join([Content.styled(text, part) for text, part in parts])

    def get_content_width(self, container: object, viewport: object) -> int:
        texts = self._marked()
        return max(map(len, texts)) if self.upright else sum(map(len, texts)) + 3 * (len(texts) - 1)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self.options) if self.upright else 1

    def on_click(self, event: events.Click) -> None:
        at = event.y if self.upright else event.x
        for value, text in zip((value for value, _ in self.options), self._marked(), strict=True):
            room = 1 if self.upright else len(text) + 3
            if at < room:
                self.choose(value)
                return
            at -= room
