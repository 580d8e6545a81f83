"""A value that has no effect beside another one: it would silently do nothing."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.answers.applies import decides, everywhere, value_at
from kinstall.answers.fields import written
from kinstall.answers.rules.view import Rule, View
from kinstall.findings import Problem


def without_effect(view: View) -> Iterator[Problem]:
    for path, key in everywhere(len(view.spec.nodes)):
        when, place = key.when, decides(path, key)
        if when is None or when.harmless or place is None or value_at(view.spec, path) == key.default:
            continue
        value = value_at(view.spec, place)
        if value in when.values or not view.intact(written(place), written(path)):
            continue
        name = place[-1]
        remedy = f"leave it out, or take {name}: {' or '.join(when.values)}"
        node = path[1] if place[-1] == "role" else None
        about = f"{view.spec.nodes[node].name} is " if isinstance(node, int) else ""
        yield Problem(written(path), f"{about}{when.why or f'it has no effect with {name} {value}'}", remedy)


RULES: tuple[Rule, ...] = (without_effect,)
