"""What the live display shows, as rich renderables: a function of the progress, the time and the size. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kinstall.engine.events import Event, Notice, PhaseFinished, RunFinished, StepFinished
from kinstall.progress import node_status
from kinstall.progress.model import NodeProgress, Progress
from kinstall.progress.text import ASCII_MARKS, MARKS, OUTCOME_KINDS, STYLES, clean, clock, shorten

_NAME_WIDTH = 20
_PHASE_WIDTH = 16
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_SPINNER = "|/-\\"


@dataclass(frozen=True, slots=True)
class Painter:
    """Draws with these characters: `marks` by kind, `full` and `empty` for bars, `spinner` for what runs."""

    marks: dict[str, str]
    full: str
    empty: str
    spinner: str
    more: str

    @classmethod
    def for_encoding(cls, encoding: str) -> Painter:
        """With lines and ticks if the terminal can show them, else in ASCII."""
        if encoding.lower().replace("-", "").startswith("utf"):
            return cls(MARKS, "━", "─", _SPINNER, "…")
        return cls(ASCII_MARKS, "#", "-", _ASCII_SPINNER, "...")

    # Lines that scroll by above

    def above(self, event: Event) -> Iterator[RenderableType]:
        """Lines that stay: a failure with its cause, a notice, how the run ended."""
        match event:
            case StepFinished():
                kind = OUTCOME_KINDS[event.outcome]
                yield self._marked(
                    kind, f"{event.node or 'cluster'}  {event.phase}  {event.step}: {event.outcome.value}"
                )
                yield from _indented(event.message)
            case PhaseFinished():
                kind = OUTCOME_KINDS[event.outcome]
                yield self._marked(kind, f"{event.node}  {event.phase}: {event.outcome.value}")
                yield from _indented(event.message)
            case Notice():
                yield self._marked("warn", f"{event.node}  {event.message}" if event.node else event.message)
            case RunFinished() if event.message:
                yield self._marked(OUTCOME_KINDS[event.outcome], event.message)

    def _mark(self, kind: str, now: float) -> str:
        """The mark of a kind of line; of `run` the spinner's picture at that time."""
        return self.spinner[int(now * 10) % len(self.spinner)] if kind == "run" else self.marks[kind]

    def _marked(self, kind: str, text: str, now: float = 0.0) -> Text:
        head, *rest = clean(text).split("\n")
        marked = Text(f"{self._mark(kind, now)} ", style=STYLES[kind]).append(head, style="default")
        for line in rest:
            marked.append(f"\n  {line}", style="default")
        return marked

    # The part that is repainted

    def frame(self, progress: Progress, now: float, width: int, height: int) -> RenderableType:
        """The nodes' lines and the run's; on a low terminal, the nodes that matter most."""
        if not progress.nodes:
            return self._one_line("run", "examining the nodes", now)
        shown, left_out = _fitting(list(progress.nodes.values()), max(1, height - 3))
        names = min(_NAME_WIDTH, max((len(node.name or "cluster") for node in shown), default=1))
        phases = min(_PHASE_WIDTH, max((len(name) for name in progress.phases), default=_PHASE_WIDTH))
        table = Table.grid(padding=(0, 1, 0, 0), expand=True)
        bar = 12 if width >= 72 else 6
        table.add_column(width=1, no_wrap=True)
        table.add_column(width=names, no_wrap=True, overflow="ellipsis")
        table.add_column(width=phases, no_wrap=True, overflow="ellipsis")
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(width=bar, no_wrap=True)
        table.add_column(width=7, no_wrap=True, justify="right")
        room = width - (1 + names + phases + bar + 7) - 5
        for node in shown:
            table.add_row(*self._node(node, progress, now, bar, room))
        parts: list[RenderableType] = [table]
        if left_out:
            parts.append(Text(f"  {self.more} {left_out} more nodes", style="dim", no_wrap=True, overflow="ellipsis"))
        parts.append(self._overall(progress, now, width))
        return Group(*parts)

    def _node(
        self, node: NodeProgress, progress: Progress, now: float, bar: int, room: int
    ) -> Sequence[RenderableType]:
        status = node_status.of_node(node, progress, now)
        style = STYLES[status.kind]
        return (
            Text(self._mark(status.kind, now), style=style),
            Text(clean(node.name or "cluster"), style="bold"),
            Text(status.phase),
            Text(shorten(status.step, room, self.more), style=style if status.kind == "bad" else ""),
            self.bar(status.share, bar, style),
            Text(clock(status.seconds), style="dim"),
        )

    def bar(self, share: float, width: int, style: str) -> Text:
        """`share` of `width` cells."""
        full = node_status.cells(share, width)
        return Text(self.full * full, style=style).append(self.empty * (width - full), style="dim")

    def _overall(self, progress: Progress, now: float, width: int) -> RenderableType:
        if progress.finished is not None:
            return self._one_line(*node_status.at_end(progress))
        words = "  ".join(node_status.of_run(progress, now))
        failed = any(node.failure is not None for node in progress.nodes.values())
        bar = self.bar(progress.fraction, max(6, min(40, width - len(words) - 5)), "red" if failed else "cyan")
        return Text("  ", no_wrap=True, overflow="ellipsis").append_text(bar).append(f" {words}")

    def _one_line(self, kind: str, text: str, now: float = 0.0) -> Text:
        line = self._marked(kind, text, now)
        line.no_wrap, line.overflow = True, "ellipsis"
        return line


def _fitting(nodes: list[NodeProgress], rows: int) -> tuple[list[NodeProgress], int]:
    """As many nodes as fit, in their own order; chosen are failed ones first, then working ones, then waiting ones."""
    if len(nodes) <= rows:
        return nodes, 0

    def weight(node: NodeProgress) -> int:
        if node.failure is not None:
            return 0
        return 1 if node.active is not None else 2 if node.outcome is None else 3

    chosen = {node.name for node in sorted(nodes, key=weight)[: max(1, rows - 1)]}
    return [node for node in nodes if node.name in chosen], len(nodes) - len(chosen)


def _indented(message: str) -> Iterator[RenderableType]:
    if message:
        yield Padding(Text(clean(message).rstrip("\n")), (0, 0, 0, 2))
