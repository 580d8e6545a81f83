"""A row per node: mark, name, phase, step, bar and time. Columns keep their width; only changed cells are painted."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import DataTable

from kinstall.progress import node_status
from kinstall.progress.text import MARKS, STYLES, clock, shorten
from screens.install.model import Row

_NAMES, _PHASES, _TIME = 20, 14, 7
_GAPS = 6 * 2 + 2
"""DataTable puts a blank on both sides of a cell; the scrollbar takes two columns."""


class NodeTable(DataTable[Text]):
    """`paint` is called ten times a second with all rows; it costs only what has changed."""

    DEFAULT_CSS = """
    NodeTable { height: auto; max-height: 50%; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, show_header=False, cursor_type="row", zebra_stripes=False)
        self._shown: dict[str, tuple[str, ...]] = {}
        self._shape: tuple[int, int] = (0, 0)
        self._room = self._bar = 0

    @property
    def chosen(self) -> str | None:
        """The node under the cursor ("" for the cluster), None in an empty table."""
        names = list(self._shown)
        return names[self.cursor_row] if 0 <= self.cursor_row < len(names) else None

    def choose(self, node: str) -> None:
        """Move the cursor to a node."""
        names = list(self._shown)
        if node in names:
            self.move_cursor(row=names.index(node))

    def paint(self, rows: Sequence[Row], width: int) -> None:
        names = min(_NAMES, max((len(row.label) for row in rows), default=1))
        if self._shape != (width, names):
            self._lay_out(width, names)
        for row in rows:
            self._row(row)

    def _lay_out(self, width: int, names: int) -> None:
        before = self.chosen
        self._shape, self._shown = (width, names), {}
        self._bar = 12 if width >= 72 else 6
        self._room = max(8, width - (1 + names + _PHASES + self._bar + _TIME) - _GAPS)
        self.clear(columns=True)
        widths = {"mark": 1, "name": names, "phase": _PHASES, "step": self._room, "bar": self._bar, "time": _TIME}
        for key, wide in widths.items():
            self.add_column("", key=key, width=wide)
        self._before = before

    def _row(self, row: Row) -> None:
        status = row.status
        full = node_status.cells(status.share, self._bar)
        cells = (
            status.kind,
            row.label,
            status.phase,
            shorten(status.step, self._room),
            str(full),
            clock(status.seconds),
        )
        shown = self._shown.get(row.node)
        if shown is None:
            self.add_row(*(self._cell(column, cells) for column in range(6)), key=row.node)
            if row.node == self._before:
                self.move_cursor(row=len(self._shown))
        elif shown != cells:
            for column, key in enumerate(("mark", "name", "phase", "step", "bar", "time")):
                # The colour of a bar and of a failed step follows from the kind.
                kind_changed = cells[0] != shown[0] and column in (0, 3, 4)
                if cells[column] != shown[column] or kind_changed:
                    self.update_cell(row.node, key, self._cell(column, cells))
        self._shown[row.node] = cells

    def _cell(self, column: int, cells: tuple[str, ...]) -> Text:
        kind, text = cells[0], cells[column]
        style = STYLES[kind]
        match column:
            case 0:
                return Text(mark(kind), style=style)
            case 1:
                return Text(text, style="bold", no_wrap=True, overflow="ellipsis")
            case 3:
                return Text(text, style=style if kind == "bad" else "", no_wrap=True, overflow="ellipsis")
            case 4:
                return Text("━" * int(text), style=style).append("─" * (self._bar - int(text)), style="dim")
            case 5:
                return Text(text, justify="right", style="dim")
            case _:
                return Text(text, no_wrap=True, overflow="ellipsis")


def mark(kind: str) -> str:
    """One static character per kind; nothing spins, so that nothing moves while one reads."""
    return "›" if kind == "run" else MARKS[kind]
