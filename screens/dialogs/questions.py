"""Questions before something is lost, a name to save under, and a page of help."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Footer, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from screens.dialogs.dialog import Dialog
from screens.dialogs.hints import Hints


class Question(Dialog[str]):
    """A question with a few answers, (value, what is shown); Esc answers with "". The first is selected."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "Go back")]

    def __init__(self, text: str, answers: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.text, self.answers = text, answers

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self.text, markup=False)
            yield OptionList(*(Option(label, id=value) for value, label in self.answers), markup=False)
            yield Hints("↑ ↓ choose", "Enter select", "Esc go back")

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id or "")


class AskPath(Dialog[Path | None]):
    """Where to save. An existing file is overwritten after Enter was pressed a second time."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Go back")]

    def __init__(self, title: str, suggested: Path, *, own: Path | None = None) -> None:
        """`own`: a file that may be overwritten without asking, as it holds the same answers."""
        super().__init__()
        self.heading, self.suggested, self.own = title, suggested, own
        self._asked = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self.heading, markup=False)
            yield Input(str(self.suggested), compact=True, select_on_focus=False)
            yield Static(id="message", markup=False)
            yield Hints("Enter save", "Esc go back")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        path = Path(text).expanduser()
        message = self.query_one("#message", Static)
        if not text or path.is_dir():
            message.update("✗ enter a file name" if not text else f"✗ {path} is a directory; enter a file name in it")
        elif path.exists() and path != self.own and self._asked != text:
            self._asked = text
            message.update(f"! {path} already exists; press Enter again to overwrite")
        else:
            self.dismiss(path)


class Page(Dialog[None]):
    """A text to read."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "dismiss", "Go back")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.heading, self.text = title, text

    def action_explain(self) -> None:
        """The key that opened it closes it."""
        self.dismiss(None)

    def compose(self) -> ComposeResult:
        with Vertical(classes="page"):
            yield Label(self.heading, classes="heading", markup=False)
            with VerticalScroll():
                yield Static(self.text, markup=False)
            yield Hints("Esc go back")


__all__ = ["AskPath", "Footer", "Page", "Question"]
