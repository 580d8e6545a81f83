"""The question before a run: what it will do to the machines. No has the focus, Begin has a key of its own."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from kinstall.cluster import ClusterSpec
from kinstall.wording import count
from screens.dialogs.questions import Question
from screens.review.made import Made
from screens.review.plan import totals


class Begin(Question):
    """Answers `no`, `begin` or `rehearse`; Esc answers with "". Keys that are held or typed ahead begin nothing."""

    GRACE: ClassVar[float] = 1.0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "dismiss('begin')", "Begin"),
        Binding("R", "dismiss('rehearse')", "Rehearse first"),
    ]

    def __init__(self, text: str) -> None:
        answers = [("no", "No, back to the plan"), ("begin", "b  Begin"), ("rehearse", "R  Rehearse first")]
        super().__init__(text, answers)


def question(spec: ClusterSpec, plan: Made, before: str) -> str:
    """What the run will do, from its plan; `before` says how an earlier run fell short, which this one continues."""
    machines = count(len(spec.nodes), "machine")
    said = totals(plan.changes)
    lines = [f"Install Kubernetes {spec.kubernetes_version} on {machines}, as root?", ""]
    if before:
        lines.append(f"It continues: {before}.")
    lines += [
        f"{said[:1].upper()}{said[1:]}. Every change is recorded on its node; `kinstall reset` undoes it.",
    ]
    return "\n".join(lines)
