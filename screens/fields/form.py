"""The fields of one screen, in the order of their declarations; rarely needed ones are folded under a heading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Collapsible

from kinstall.answers.fields import Path, written
from kinstall.wording import cut
from screens.draft.draft import Draft
from screens.fields.placement import Placed
from screens.fields.row import FieldRow, row_id
from screens.fields.secret import SecretRow
from screens.fields.values import shown

_FEW = 5
"""Fields of a group whose values fit into its heading."""
_SUMMARY = 66

Hint = Callable[[Draft], str]
"""A short note beside an answer: what follows from it; "" where nothing does."""


class Group(Collapsible):
    """Rarely needed fields. Their rows are made when they are first shown, so that a screen opens at once."""

    def __init__(self, draft: Draft, name: str, fields: Sequence[Placed], hints: Mapping[str, Hint]) -> None:
        super().__init__(title=name, classes="group")
        self.heading, self.draft, self.fields, self.hints = name, draft, tuple(fields), hints
        self._made = False

    async def make_rows(self) -> None:
        """Mount the rows, once."""
        if not self._made:
            self._made = True
            await self.query_one(Collapsible.Contents).mount_all(_rows_for(self.draft, self.fields, self.hints))

    async def on_collapsible_expanded(self) -> None:
        await self.make_rows()
        self.post_message(FieldForm.Grown())

    def show_count(self) -> None:
        """Show in the heading how many of its fields are wrong, else what is set, else what few fields have anyway."""
        wrong = sum(len(self.draft.problems_at(field.written)) for field in self.fields)
        given = [field for field in self.fields if self.draft.has(field.path)]
        told = given or (self.fields if len(self.fields) <= _FEW else ())
        note = f"  ✗ {wrong} wrong" if wrong else "  " + cut(" · ".join(map(self._told, told)), _SUMMARY)
        note = note.rstrip()
        if self.title != f"{self.heading}{note}":
            self.title = f"{self.heading}{note}"

    def _told(self, field: Placed) -> str:
        """The field with its value, where that is one line and nothing that must not be shown."""
        value = shown(field.key, self.draft.effective(field.path))
        if field.key.secret or "\n" in value:
            return field.label
        return f"{field.label} {value or 'automatic'}"


class FieldForm(Vertical):
    """Rows for `fields`. `hints` has written paths as keys."""

    class Grown(Message):
        """Rows were added that show nothing yet."""

    def __init__(self, draft: Draft, fields: Sequence[Placed], hints: Mapping[str, Hint] | None = None) -> None:
        super().__init__(classes="form")
        self.draft, self.fields, self.hints = draft, tuple(fields), dict(hints or {})

    def compose(self) -> ComposeResult:
        by_group: dict[str, list[Placed]] = {"": []}
        for field in self.fields:
            by_group.setdefault(field.group, []).append(field)
        yield from _rows_for(self.draft, by_group.pop(""), self.hints)
        for group, fields in by_group.items():
            yield Group(self.draft, group, fields, self.hints)

    @on(Grown)
    def show_draft(self) -> None:
        """Show the draft in every row: value, hint, problems."""
        for row in self.query(FieldRow):
            place = written(row.path)
            row.show_draft()
            # What does not apply but was given stays on the screen, with what is wrong about it.
            row.display = self._shown(row.path) or row.asking.has_focus
            hint = self.hints.get(place)
            row.show_notes(hint(self.draft) if hint else row.line_of_choice(), self.draft.problems_at(place))
        for group in self.query(Group):
            group.show_count()
            group.display = any(self._shown(field.path) for field in group.fields)

    def _shown(self, path: Path) -> bool:
        return self.draft.applies(path) or self.draft.has(path)

    def go_to(self, path: str) -> bool:
        """Put the focus on the field of a written path; whether there is one."""
        best = max(
            (field for field in self.fields if (path + ".").startswith((f"{field.written}.", f"{field.written}["))),
            key=lambda field: len(field.path),
            default=None,
        )
        if best is None:
            return False
        self.run_worker(self._focus(best), exclusive=True, group="go-to")
        return True

    async def _focus(self, field: Placed) -> None:
        for group in self.query(Group):
            if field in group.fields:
                await group.make_rows()
                group.collapsed = False
        row = self.query_one(f"#{row_id(field.path)}", FieldRow)
        row.display = True

        def arrive() -> None:
            row.asking.focus(scroll_visible=False)
            row.scroll_visible(animate=False)

        self.call_after_refresh(arrive)  # folded rows are laid out by then


def _rows_for(draft: Draft, fields: Sequence[Placed], hints: Mapping[str, Hint]) -> list[FieldRow]:
    return [
        SecretRow(draft, field.key, field.path, field.label)
        if field.key.reference
        else FieldRow(draft, field.key, field.path, field.label, hinted=field.written in hints)
        for field in fields
    ]
