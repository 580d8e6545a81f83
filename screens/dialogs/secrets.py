"""Secrets that the answers ask to be typed: entered before the nodes are contacted, kept in memory only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Label, Static

from kinstall.cluster import ClusterSpec
from kinstall.operations.prompts import prompted, typed
from screens.dialogs.dialog import Dialog
from screens.dialogs.hints import Hints
from screens.step.wizard import Wizard

Prompt = Callable[[str], str]


class AskSecrets(Dialog[dict[str, str] | None]):
    """One masked input per question. None: Esc was pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Go back")]

    def __init__(self, questions: Sequence[str]) -> None:
        super().__init__()
        self.questions = tuple(questions)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("The answers ask for this to be typed. It is kept in memory until kinstall ends.")
            for question in self.questions:
                yield Label(question, markup=False)
                yield Input(password=True, compact=True)
            yield Static(id="message", markup=False)
            yield Hints("Enter next field, then continue", "Esc go back")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        inputs = list(self.query(Input))
        empty = next((each for each in inputs if not each.value), None)
        if empty is None:
            self.dismiss({question: each.value for question, each in zip(self.questions, inputs, strict=True)})
            return
        if event.input is empty or event.input is inputs[-1]:
            message = f"✗ {self.questions[inputs.index(empty)]}: type it, or go back and refer to a file"
            self.query_one("#message", Static).update(message)
        empty.focus()


async def prompt_for(wizard: Wizard, spec: ClusterSpec) -> Prompt | None:
    """A prompt that knows everything these answers ask to be typed; None if Esc was pressed.

    Called in a worker: it waits for the dialog. What was typed once is not asked for again, until forget().
    """
    missing = [question for question in prompted(spec) if question not in wizard.typed]
    if missing:
        given = await wizard.push_screen_wait(AskSecrets(missing))
        if given is None:
            return None
        wizard.typed.update(given)
    known = dict(wizard.typed)
    return lambda question: typed(known, question)
