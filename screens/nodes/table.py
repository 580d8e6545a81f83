"""The table of nodes: name, role, address, login, host key, and what a probe found. Columns keep their width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.widgets import DataTable

from kinstall.progress.text import MARKS, STYLES, clean, shorten
from kinstall.wording import cut

_WIDTHS = {"name": 10, "role": 13, "address": 15, "ssh": 11, "key": 10}
_WIDE = {"name": 20, "role": 13, "address": 15, "ssh": 18, "key": 10}
_SCROLLBAR = 2
WIDE = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One node's cells as text; `kind` is that of its state, `key_kind` that of its host key."""

    name: str
    role: str
    address: str
    ssh: str
    key: str
    key_kind: str
    state: str
    kind: str


class NodesTable(DataTable[Text]):
    """Rows in the order of the answers; the cursor stays at its place while they change."""

    DEFAULT_CSS = """
    NodesTable { height: auto; max-height: 12; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, cursor_type="row", cell_padding=0)
        self._shown: tuple[int, tuple[Line, ...]] | None = None

    def show(self, lines: Sequence[Line], width: int) -> None:
        shown = (width, tuple(lines))
        if shown == self._shown:
            return
        if self._shown is None or self._shown[0] != width:
            self._lay_out(width)
        self._shown = shown
        at = self.cursor_row
        self.clear()
        for index, line in enumerate(lines):
            self.add_row(*self._cells(line), key=str(index))
        if lines:
            self.move_cursor(row=min(at, len(lines) - 1), animate=False)

    def _lay_out(self, width: int) -> None:
        widths = dict(_WIDE if width >= WIDE else _WIDTHS)
        # The blank between columns is part of the column, so that the cursor's bar has no gaps.
        self._room = max(8, width - _SCROLLBAR - sum(widths.values()) - len(widths))
        self.clear(columns=True)
        for name, wide in widths.items():
            self.add_column(name, key=name, width=wide + 1)
        self.add_column("state", key="state", width=self._room)
        self._widths = widths

    def _cells(self, line: Line) -> list[Text]:
        cells = [
            Text(shorten(clean(getattr(line, name)), wide), style="bold" if name == "name" else "")
            for name, wide in self._widths.items()
            if name != "key"
        ]
        key = Text(line.key, style=STYLES[line.key_kind])
        mark = "›" if line.kind == "run" else MARKS[line.kind]
        text = clean(line.state).split("\n")[0]
        state = Text(f"{mark} ", style=STYLES[line.kind]).append(cut(text, self._room - 2))
        return [*cells, key, state]
