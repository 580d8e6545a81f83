"""Which answers file to open."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Label, Static

from kinstall.errors import InvalidAnswers
from screens.dialogs.hints import Hints
from screens.draft.draft import Draft

_MOST_NAMES = 1000


class PathSuggester(Suggester):
    """Completes what was typed with the first YAML file or folder of that name."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        folder, slash, start = value.rpartition("/")
        try:
            entries = list(Path(f"{folder}{slash}" or ".").expanduser().iterdir())[:_MOST_NAMES]
            names = [f"{each.name}/" if each.is_dir() else each.name for each in entries]
        except OSError:
            return None
        fitting = sorted(name for name in names if name.startswith(start) and name.endswith((".yaml", ".yml", "/")))
        return f"{folder}{slash}{fitting[0]}" if start and fitting else None


class OpenAnswers(ModalScreen[Draft | None]):
    """Asks for a file until one can be read; Esc opens none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Go back")]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Open an answers file", markup=False)
            yield Input(compact=True, suggester=PathSuggester())
            yield Static(id="message", markup=False)
            yield Hints("Enter open", "→ complete", "Esc go back")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        message = self.query_one("#message", Static)
        if not text:
            message.update("✗ enter a file name")
            return
        try:
            draft = Draft.load(Path(text).expanduser())
        except InvalidAnswers as error:
            message.update(f"✗ {error.problems[0].message}")
        else:
            self.dismiss(draft)
