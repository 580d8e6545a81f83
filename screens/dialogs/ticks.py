"""A list to tick lines of: `[x]` and `[ ]`, which a terminal without colours shows too."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option


@dataclass(frozen=True, slots=True)
class Tick:
    """A line: the value it is known by, and its text of one or more lines."""

    value: str
    text: str


class Ticks(OptionList):
    """`ticked` are the values of the ticked lines, in the order of the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "Tick", show=False),
        Binding("enter", "accept", "Accept", show=False),
        Binding("a", "all(True)", "All", show=False),
        Binding("n", "all(False)", "None", show=False),
    ]

    class Changed(Message):
        """Something was ticked or not any more."""

    class Accepted(Message):
        """Enter was pressed."""

    def __init__(self, lines: Sequence[Tick] = (), *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        """Nothing is ticked at first."""
        self._lines_: list[Tick] = list(lines)
        self._ticked: set[str] = set()
        super().__init__(*(Option(self._prompt(line)) for line in lines), id=id, markup=False)

    @property
    def ticked(self) -> tuple[str, ...]:
        return tuple(line.value for line in self._lines_ if line.value in self._ticked)

    def show(self, lines: Sequence[Tick], ticked: Collection[str]) -> None:
        """Replace all lines. The cursor stays where it is; nobody is notified."""
        at = self.highlighted
        self._lines_, self._ticked = list(lines), set(ticked)
        self.clear_options()
        self.add_options(Option(self._prompt(line)) for line in lines)
        self.highlighted = None if not lines else min(at or 0, len(lines) - 1)

    def relabel(self, lines: Sequence[Tick]) -> None:
        """The same values with other texts."""
        for index, (before, line) in enumerate(zip(self._lines_, lines, strict=True)):
            if before != line:
                self._lines_[index] = line
                self.replace_option_prompt_at_index(index, self._prompt(line))

    def _prompt(self, line: Tick) -> Content:
        mark = "[x] " if line.value in self._ticked else "[ ] "
        return Content(mark + line.text.replace("\n", "\n" + " " * len(mark)))

    def action_tick(self) -> None:
        if self.highlighted is not None and self.highlighted < len(self._lines_):
            value = self._lines_[self.highlighted].value
            self._ticked ^= {value}
            self._changed({value})

    def action_select(self) -> None:
        """A click on a line ticks it."""
        self.action_tick()

    def action_all(self, ticked: bool) -> None:
        values = {line.value for line in self._lines_}
        self._ticked = set(values) if ticked else set()
        self._changed(values)

    def _changed(self, values: Collection[str]) -> None:
        for index, line in enumerate(self._lines_):
            if line.value in values:
                self.replace_option_prompt_at_index(index, self._prompt(line))
        self.post_message(self.Changed())

    def action_accept(self) -> None:
        self.post_message(self.Accepted())
