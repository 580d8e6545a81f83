"""A secret: not a text to type into a form, but a choice of where it comes from."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Label

from kinstall.answers.fields import Key, Path, written
from screens.draft.draft import Draft
from screens.fields.choice import Choice
from screens.fields.row import FieldRow

_SOURCES = (("", "none"), ("prompt", "ask me"), ("env", "variable"), ("file", "file"))
_DETAIL = {"prompt": "•", "env": "name of the variable", "file": "path of the file"}
_NOTES = {
    "prompt": "type it now, or when it is needed: it stays in memory, no file ever has it",
    "env": "its name; it is read on this machine when it is needed",
    "file": "its path on this machine; readable for you alone",
}


class SecretRow(FieldRow):
    """Asks where a secret comes from. The answers get a reference; what is typed here stays in the draft's `typed`."""

    def __init__(self, draft: Draft, key: Key, path: Path, label: str = "") -> None:
        super().__init__(draft, key, path, label, hinted=True)
        self.add_class("-secret")
        self.detail = Input(compact=True, classes="detail")
        self._pending = ""
        """The source that was chosen and still needs a name or a path, for which the answers have no reference yet."""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="line"):
            yield Label(self.label, classes="label", markup=False)
            yield self.asking
        with Horizontal(classes="line -detail"):
            yield Label("", classes="label")
            yield self.detail
            yield self._hint
        yield self._wrong

    def _widget(self) -> Choice:
        sources = _SOURCES if not self.key.optional else (("", "as for all nodes"), *_SOURCES[1:])
        self.source = Choice(sources, self._source(self._reference()))
        return self.source

    @property
    def question(self) -> str:
        """What a run asks for: whose secret it is, so that no other one is meant by the same words."""
        if self.path[0] != "nodes":
            return f"{self.key.label} for all nodes"
        name = self.draft.get((*self.path[:2], "name"))
        return f"{self.key.label} for {name if isinstance(name, str) and name else f'node {self.path[1]}'}"

    def _reference(self) -> str:
        value = self.draft.get(self.path)
        return value if isinstance(value, str) else "" if value is None else "?"

    def _source(self, reference: str) -> str:
        kind = reference.partition(":")[0]
        return kind if ":" in reference and kind in _DETAIL else ""

    def show_draft(self) -> None:
        """Show where the secret comes from; a value that is no reference is never shown."""
        reference = self._reference()
        kind = self._source(reference)
        if kind:
            self._pending = ""
        self.source.value = kind or self._pending
        detail = self.detail
        detail.display = bool(self.source.value)
        for line in self.query(".-detail"):
            line.display = bool(self.source.value)
        detail.password = self.source.value == "prompt"
        detail.placeholder = _DETAIL.get(self.source.value, "")
        rest = reference.partition(":")[2] if kind else ""
        wanted = self.draft.typed.get(rest.strip() or "Password", "") if kind == "prompt" else rest
        if not detail.has_focus and detail.value != wanted:
            detail.value = wanted

    def show_notes(self, hint: str, problems: Any) -> None:
        super().show_notes(_NOTES.get(self.source.value, ""), problems)

    @on(Choice.Changed)
    def _source_chosen(self, event: Choice.Changed) -> None:
        event.stop()
        event.prevent_default()
        self._pending = event.value if event.value in ("env", "file") else ""
        if event.value == "prompt":
            self.draft.set(self.path, f"prompt:{self.question}")
        else:
            self.draft.unset(self.path)
        with self.prevent(Input.Changed):
            self.detail.value = ""
        self.show_draft()
        self.show_notes("", self.draft.problems_at(written(self.path)))

    @on(Input.Changed)
    def _detail_typed(self, event: Input.Changed) -> None:
        event.stop()
        event.prevent_default()
        if self.source.value == "prompt":
            question = self._reference().partition(":")[2].strip() or "Password"
            if event.value:
                self.draft.typed[question] = event.value
            else:
                self.draft.typed.pop(question, None)
        elif self.source.value:
            text = event.value.strip()
            if text:
                self.draft.set(self.path, f"{self.source.value}:{text}")
            else:
                self._pending = self.source.value
                self.draft.unset(self.path)

    @on(Input.Submitted)
    def _detail_entered(self, event: Input.Submitted) -> None:
        event.stop()
        event.prevent_default()
        self.screen.focus_next()
