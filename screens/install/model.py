"""The data of the Install screen: a run's progress, timeline and the nodes' logs. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kinstall.engine.events import Event, RunStarted
from kinstall.progress import node_status
from kinstall.progress.model import NodeProgress, Progress
from kinstall.progress.text import clean
from kinstall.progress.timeline import TimelineFold
from screens.draft.draft import Draft
from screens.install.lines import Lines, NodeLines

CLUSTER = "cluster"
"""The label of the line that belongs to no single node; its name is empty, which no node's may be."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a node's name ("" for the cluster) and its status."""

    node: str
    label: str
    status: node_status.NodeStatus


class Model:
    """The state of a run after all events folded so far."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.timeline = TimelineFold()
        self.lines = NodeLines()
        self.changed = False
        """Whether something was folded since the last painting."""

    def fold(self, event: Event, at: float) -> None:
        """Take in an event that came at `at` (seconds of any monotonic clock)."""
        if isinstance(event, RunStarted):
            # Earlier lines (preflight's warnings) are kept; the number of nodes now says how many lines fit.
            early, self.lines = self.lines.of(""), NodeLines(len(event.nodes))
            for line in early:
                self.lines.of("").append(line)
        self.progress.fold(event, at)
        self.timeline.fold(event, at)
        self.lines.fold(event)
        self.changed = True

    def rows(self, now: float) -> Iterator[Row]:
        """All nodes in the answers' order; the cluster as a whole comes last, once it has steps."""
        for node in self.progress.nodes.values():
            yield Row(node.name, clean(node.name) or CLUSTER, node_status.of_node(node, self.progress, now))

    def node(self, name: str) -> NodeProgress | None:
        return self.progress.nodes.get(name)

    def lines_of(self, name: str) -> Lines:
        return self.lines.of(name)

    @property
    def first_failed(self) -> str | None:
        """The node that failed first, None where none did."""
        return self.progress.failures[0].node if self.progress.failures else None


def planned(draft: Draft, refused: Mapping[str, str]) -> Iterator[Row]:
    """The nodes of the answers, before a run has reported on them; `refused`: node → why preflight refused it."""
    for node in draft.spec.nodes:
        why = refused.get(node.name, "")
        text = clean(why).replace("\n", " ") if why else f"{node.role} at {node.address}"
        yield Row(
            node.name,
            clean(node.name),
            node_status.NodeStatus("bad" if why else "wait", "preflight" if why else "", text, 0.0, 0.0),
        )
