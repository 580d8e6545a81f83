"""The fields of one screen, in the order of their declarations; what few need is folded away under a heading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Collapsible

from screens.draft import Draft
from screens.fields.placing import Placed
from screens.fields.row import FieldRow, row_id

Hint = Callable[[Draft], str]
"""What follows from an answer, as a few words beside it; "" where nothing does."""


class FieldForm(Vertical):
    """Rows for `fields`. `hints` has written paths as keys."""

    def __init__(self, draft: Draft, fields: Sequence[Placed], hints: Mapping[str, Hint] | None = None) -> None:
        super().__init__(classes="form")
        self.draft, self.fields, self.hints = draft, tuple(fields), dict(hints or {})

    def compose(self) -> ComposeResult:
        by_group: dict[str, list[Placed]] = {"": []}
        for field in self.fields:
            by_group.setdefault(field.group, []).append(field)
        for group, fields in by_group.items():
            rows = [FieldRow(self.draft, field.key, field.path, field.label) for field in fields]
            if group:
                yield Collapsible(*rows, title=group, classes="group")
            else:
                yield from rows

    def show_draft(self) -> None:
        """Every row as the draft has it: value, what follows, what is wrong."""
        for row, field in self._rows():
            row.show_draft()
            hint = self.hints.get(field.written)
            row.tell(hint(self.draft) if hint else "", self.draft.problems_at(field.written))
        for group in self.query(Collapsible):
            name = group.title.partition("  ✗")[0]
            wrong = sum(len(self.draft.problems_at(field.written)) for field in self.fields if field.group == name)
            group.title = f"{name}  ✗ {wrong} wrong" if wrong else name

    def go_to(self, path: str) -> bool:
        """Put the focus on the field that a written path lies in; whether there is one."""
        best = max(
            (field for field in self.fields if (path + ".").startswith((f"{field.written}.", f"{field.written}["))),
            key=lambda field: len(field.path),
            default=None,
        )
        if best is None:
            return False
        row = self.query_one(f"#{row_id(best.path)}", FieldRow)
        for group in row.ancestors:
            if isinstance(group, Collapsible):
                group.collapsed = False
        row.asking.focus()
        self.call_after_refresh(row.scroll_visible, animate=False)
        return True

    def _rows(self) -> Iterator[tuple[FieldRow, Placed]]:
        for field in self.fields:
            yield self.query_one(f"#{row_id(field.path)}", FieldRow), field
