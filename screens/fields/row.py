"""A field of the answers as a row: label, input widget, hint and problems."""

from __future__ import annotations

import re
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, TextArea

from kinstall.answers.fields import Key, Path, label_of, written
from kinstall.findings import Problem
from screens.draft.draft import Draft
from screens.fields.choice import Choice
from screens.fields.values import NOTHING, Kind, kind_of, meant, shown, unreadable
from screens.text import SteadyText

_MOST_LINES = 12
_INDEX = re.compile(r"^\[[0-9]+\]$")
"""An element of a list that is shown on one line: its text says more than its number."""

_YES_NO = (("true", "yes"), ("false", "no"))


class FieldRow(Vertical):
    """Asks for the field `key` at `path` of the draft. What is typed goes into the draft at once."""

    class Focused(Message):
        """The row's widget got the focus, so its help is to be shown."""

        def __init__(self, row: FieldRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, draft: Draft, key: Key, path: Path, label: str = "", *, hinted: bool = False) -> None:
        """`hinted`: the field has a hint, which needs room beside it."""
        super().__init__(id=row_id(path), classes=" ".join(["field", *_classes(key, hinted)]))
        self.draft, self.key, self.path = draft, key, path
        self.kind = kind_of(key)
        self._text = ""
        """The text of the widget as last handled here."""
        self.label = label or key.label
        self.asking = self._widget()
        """The input widget."""
        self._hint, self._wrong = SteadyText(classes="hint"), SteadyText(classes="wrong")
        self._aside = SteadyText(classes="aside")

    def compose(self) -> ComposeResult:
        if self.key.panel:
            self.border_title = f"{self.label}: {self.key.help.partition(';')[0]}"
            yield self.asking
            yield self._aside
            yield self._wrong
            return
        with Horizontal(classes="line"):
            yield Label(f"{self.label} *" if self.key.required else self.label, classes="label", markup=False)
            yield self.asking
            yield self._hint
        yield self._aside
        yield self._wrong

    def _widget(self) -> Widget:
        text = self._text = shown(self.key, self._value())
        if self.kind in (Kind.CHOICE, Kind.SWITCH):
            options = _YES_NO if self.kind is Kind.SWITCH else tuple((each, each) for each in self.key.choices)
            if self.key.optional:
                options = (("", "automatic"), *options)
            return Choice(options, text, lines=self.key.lines if self.key.panel else None)
        if self.kind in (Kind.PAIRS, Kind.YAML):
            area = TextArea(text, compact=True, highlight_cursor_line=False, placeholder=_empty(self.key))
            _fit(area)
            return area
        return Input(text, compact=True, placeholder=shown(self.key, self.key.plain_default) or "–")

    # The draft

    def _value(self) -> Any:
        return self.draft.as_written(self.path, self.key.plain_default)

    def _put(self, text: str, *, entered: bool = False) -> None:
        """Put what was typed into the draft. `entered`: also if the draft shows the same, with another type."""
        if self._same(text) or (text == shown(self.key, self._value()) and not entered):
            return
        value = meant(self.key, text)
        if value is NOTHING:
            self.draft.unset(self.path)
        else:
            self.draft.set(self.path, value)

    def _same(self, text: str) -> bool:
        """Whether the text means the value that the draft has."""
        value, current = meant(self.key, text), self.draft.get(self.path, NOTHING)
        return type(value) is type(current) and bool(value == current)

    def show_draft(self) -> None:
        """Show the draft's value, unless what is typed means it already; one that is not the default is marked."""
        self.set_class(self.draft.has(self.path), "-given")
        text = shown(self.key, self._value())
        choice, line, area = self._asking()
        if choice:
            choice.value = text
        # What was typed since is on its way here: to show the draft now would take it away again.
        elif line and line.value == self._text != text and not self._same(line.value):
            line.value = self._text = text
        elif area and area.text == self._text != text and not self._same(area.text):
            self._text = text
            area.load_text(text)
            _fit(area)

    def _asking(self) -> tuple[Choice | None, Input | None, TextArea | None]:
        widget = self.asking
        return (
            widget if isinstance(widget, Choice) else None,
            widget if isinstance(widget, Input) else None,
            widget if isinstance(widget, TextArea) else None,
        )

    # Beside and below it

    def show_notes(self, hint: str, problems: tuple[Problem, ...]) -> None:
        """Show the hint, what was set aside by this choice, and the problems."""
        self._hint.set_text(hint)
        aside = [label_of(str(path[-1])) for path in self.draft.set_aside_by(self.path)]
        self._aside.set_text(f"kept for the other choice, and not saved: {', '.join(aside)}" if aside else "")
        self._aside.display = bool(aside)
        area = self._asking()[2]
        unread = unreadable(self.key, area.text) if area else ""
        lines = [f"✗ {unread}"] if unread else [self._said(problem) for problem in problems]
        self._wrong.set_text("\n".join(lines))
        self._wrong.display = bool(lines)

    def _said(self, problem: Problem) -> str:
        """A problem in the words of a form: there are no lines and no quotes in it."""
        value = self.draft.get(self.path)
        if problem.path == written(self.path):
            if self.key.required and value == "":
                return f"· to fill in: {self.key.help}"
            if self.kind is Kind.NUMBER and isinstance(value, str):
                return f"✗ a whole number, such as {self.key.plain_default or 1450}"
            if self.kind is Kind.TEXT and value is not None and not isinstance(value, str):
                return "✗ the file has no text here, but something that looks the same; Enter makes it text"
        return f"✗ {_sentence(problem, self.path)}"

    def line_of_choice(self) -> str:
        """The chosen value's own line, beside a choice that has no panel."""
        choice = self._asking()[0]
        return self.key.lines.get(choice.value, "") if choice and not self.key.panel else ""

    def long_help(self) -> str:
        """Everything that is declared about the field."""
        key = self.key
        default = shown(key, key.plain_default)
        lines = [
            f"{key.help[0].upper()}{key.help[1:]}.",
            key.more,
            f"In the answers file: {written(self.path)}, {key.type_name}; since kinstall {key.since}.",
            "\n".join(f"  {name:<10} {line}".rstrip() for name, line in key.lines.items())
            or (f"Choices: {', '.join(key.choices)}." if key.choices else ""),
            f"Only with {label_of(key.when.key.rpartition('.')[2]).lower()} {' or '.join(key.when.values)}."
            if key.when
            else "",
            f"Default: {default}." if default else "",
        ]
        return "\n\n".join(line for line in lines if line)

    # Events

    @on(Choice.Changed)
    def _chosen(self, event: Choice.Changed) -> None:
        event.stop()
        self._put(event.value)

    @on(Input.Changed)
    def _typed_line(self, event: Input.Changed) -> None:
        event.stop()
        self._text = event.value
        self._put(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value:
            self._put(event.value, entered=True)
        self.screen.focus_next()

    @on(TextArea.Changed)
    def _typed_lines(self, event: TextArea.Changed) -> None:
        event.stop()
        _fit(event.text_area)
        self._text = event.text_area.text
        self._put(event.text_area.text)

    def on_click(self) -> None:
        """A click on the label, the hint or the problem focuses the field."""
        if not self.asking.has_focus:
            self.asking.focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.add_class("-here")
        self.post_message(self.Focused(self))

    def on_descendant_blur(self) -> None:
        self.remove_class("-here")


def _classes(key: Key, hinted: bool) -> list[str]:
    if key.panel:
        return ["-panel"]
    if kind_of(key) is Kind.NUMBER:
        return ["-number"]
    return [] if hinted or key.lines else ["-whole"]


def row_id(path: Path) -> str:
    """The id of a field's row."""
    return "field-" + "-".join(str(part) for part in path)


def _sentence(problem: Problem, path: Path) -> str:
    """The problem as a sentence, with its place inside the field if it is not the field itself."""
    inside = _INDEX.sub("", problem.path.removeprefix(written(path)).lstrip("."))
    text = f"{problem.message}; {problem.remedy}" if problem.remedy else problem.message
    return f"{inside}: {text}" if inside else text


def _empty(key: Key) -> str:
    return "key: value, one on each line" if kind_of(key) is Kind.PAIRS else "none"


def _fit(area: TextArea) -> None:
    """Make it as high as its text, up to a dozen lines."""
    height = min(area.text.count("\n") + 1, _MOST_LINES)
    # Setting a height lays everything out again, even if it is the same.
    if area.styles.height is None or area.styles.height.cells != height:
        area.styles.height = height
