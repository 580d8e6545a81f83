"""A plan as text: phases, nodes and steps in order; each piece of sh code once, below, with the nodes that run it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from kinstall.engine.steps import After, Directory, Download, File, Image, Plan, Scope, Script, Step, Unit, Wait

T = TypeVar("T")

_WHOM = {
    Scope.NODE: "done on the same node",
    Scope.ALL: "done on every node",
    Scope.SETTLED: "ended on every node, well on this one",
}


def plan_text(plan: Plan) -> str:
    """The whole plan. The files' contents lie beside it."""
    lines: list[str] = []
    for phase in plan.phases:
        lines.append(f"phase {phase.name}")
        lines += [f"  after {_after(after)}" for after in phase.after]
        for nodes, steps in _alike({node: tuple(map(_line, steps)) for node, steps in phase.steps.items()}):
            lines += ["", f"  on {nodes}", *(f"    {line}" for step in steps for line in step.splitlines())]
        lines.append("")
    lines += ["code", ""]
    code: dict[str, dict[str, str]] = {}
    for node in plan.nodes:
        for _, step in plan.of(node):
            for what, text in _code(step):
                code.setdefault(f"{step.id}: {what}", {})[node] = text
    for title, texts in code.items():
        for nodes, text in _alike(texts):
            lines += [f"  {title}, on {nodes}", *(f"    | {line}".rstrip() for line in text.splitlines()), ""]
    return "\n".join(lines)


def _after(after: After) -> str:
    return f"{after.phase}, {_WHOM[after.scope]}"


def _alike(by_node: dict[str, T]) -> Iterator[tuple[str, T]]:
    """Nodes with the same value together: ("cp1", …), ("w1, w2", …)."""
    groups: dict[T, list[str]] = {}
    for node, value in by_node.items():
        groups.setdefault(value, []).append(node)
    for value, nodes in groups.items():
        yield ", ".join(nodes), value


def _line(step: Step) -> str:
    match step:
        case Directory():
            return f"{step.id} {step.mode:04o} {step.owner}{' tree' if step.tree else ''}"
        case File():
            return f"{step.id} {step.mode:04o} {step.owner}{' secret' if step.secret else ''}"
        case Download():
            members = "".join(f"\n  {name} → {target}" for name, target in step.members)
            return f"{step.id} {step.mode:04o}\n  from {step.url}\n  sha256 {step.sha256}{members}"
        case Image():
            return step.id
        case Unit():
            return step.id + "".join(f"\n  starts anew with {path}" for path in step.inputs)
        case Script():
            files = "".join(f"\n  sees $FILES/{name}" for name, _ in step.files)
            return step.id + "".join(f"\n  runs anew with {path}" for path in step.inputs) + files
        case Wait():
            return f"{step.id}, at most {step.timeout:g} s, asked every {step.interval:g} s"


def _code(step: Step) -> Iterator[tuple[str, str]]:
    match step:
        case Script():
            texts = {"check": step.check, "run": step.run, "undo": step.undo}
        case Unit():
            texts = {"undo": step.undo}
        case Wait():
            texts = {"check": step.check, "diagnose": step.diagnose}
        case _:
            return
    yield from ((what, text) for what, text in texts.items() if text)
