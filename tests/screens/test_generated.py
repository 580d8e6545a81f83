"""The wizard filled from two hundred valid answers writes files that plan the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from kinstall.answers import load
from kinstall.cluster import ClusterSpec
from screens.app import WizardApp
from screens.draft.draft import Draft
from screens.draft.saved import Unsaved
from screens.fields import Choice, FieldRow, Placed, placed, row_id
from screens.fields.form import Group
from screens.fields.values import Kind, kind_of, shown
from tests.golden.making import plan_of
from tests.screens.pretend import Pretend
from tests.unit.answers.generated_answers import generated, generated_text

NUMBERS = range(200)
TYPED = 5


async def open_all(pilot: Pilot[int], app: WizardApp, screens: tuple[str, ...]) -> None:
    """Every field's row is there, also those that are folded away."""
    for name in screens:
        await app.action_go(name)
        await pilot.pause()
        for group in app.step.query(Group):
            group.collapsed = False
        await pilot.pause()


def fields() -> dict[str, list[Placed]]:
    """Screen → the fields with rows that this test fills; nodes and their login have a table of their own."""
    by_screen: dict[str, list[Placed]] = {}
    for field in placed():
        if field.screen != "nodes":
            by_screen.setdefault(field.screen, []).append(field)
    return by_screen


def fill(widget: Any, text: str) -> None:
    """Put a text into whatever asks, as its value."""
    if isinstance(widget, Choice):
        widget.choose(text)
    elif isinstance(widget, Input):
        widget.value = text
    elif isinstance(widget, TextArea):
        widget.text = text


def wanted(data: dict[str, Any], field: Placed) -> str:
    """What belongs into a field's widget for these answers."""
    original = Draft(data)
    default = None if field.key.required else field.key.default
    default = list(default) if isinstance(default, tuple) else default
    return shown(field.key, original.get(field.path, default))


def few_keys() -> list[int]:
    """The answers that take the fewest keys among those that need nearly every kind of field."""
    keys: dict[int, int] = {}
    for number in NUMBERS:
        data = generated(number)
        changed = [
            (field, text)
            for all_fields in fields().values()
            for field in all_fields
            if (text := wanted(data, field)) != wanted({}, field)
        ]
        if len({kind_of(field.key) for field, _ in changed}) >= len(Kind) - 1:
            keys[number] = sum(len(text) for _, text in changed)
    return sorted(keys, key=keys.__getitem__)[:TYPED]


def with_nodes(data: dict[str, Any]) -> Draft:
    """Answers that say what has no row here: the nodes, and what their screen asks for."""
    asked = {field.path[0] for all_fields in fields().values() for field in all_fields}
    return Draft({key: value for key, value in data.items() if key not in asked})


def same_plan(one: ClusterSpec, other: ClusterSpec) -> bool:
    """Equal answers plan the same; where they differ, the plans are compared."""
    return one == other or plan_of(one) == plan_of(other)


@pytest.mark.slow
async def test_values_set_on_the_widgets_give_the_same_plan() -> None:
    """Every field of 200 answers goes through its widget into a file, and out of it comes the same cluster."""
    app = WizardApp(Draft.new(), Pretend())
    by_screen = fields()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_all(pilot, app, tuple(by_screen))
        rows = [
            (app.get_screen(screen).query_one(f"#{row_id(field.path)}", FieldRow), field)
            for screen, all_fields in by_screen.items()
            for field in all_fields
        ]
        for number in NUMBERS:
            data = generated(number)
            app.draft.replace(with_nodes(data))
            await pilot.pause()
            for row, field in rows:
                row.show_draft()
                fill(row.asking, wanted(data, field))
            await pilot.pause()
            assert app.draft.problems == (), number
            assert same_plan(load.parse(app.draft.text()), load.parse(generated_text(number))), number


@pytest.mark.slow
@pytest.mark.parametrize("which", range(TYPED))
async def test_values_typed_key_by_key_give_the_same_plan(which: int) -> None:
    """The same with a keyboard alone: Tab from field to field, text, and arrows for choices."""
    number = few_keys()[which]
    data = generated(number)
    app = WizardApp(with_nodes(data), Pretend(), unsaved=Unsaved(Path(f"{number}.yaml")))
    by_screen = fields()
    async with app.run_test(size=(80, 24)) as pilot:
        for screen, all_fields in by_screen.items():
            await app.action_go(screen)
            await pilot.pause()
            for field in all_fields:
                if wanted(data, field) != wanted({}, field):
                    for group in app.step.query(Group):
                        group.collapsed = field not in group.fields
                    app.step.go_to(field.written)
                    await app.workers.wait_for_complete()
                    row = app.step.query_one(f"#{row_id(field.path)}", FieldRow)
                    while app.focused is not row.asking:
                        await pilot.pause(0.02)
                    await type_into(pilot, row, wanted(data, field))
    assert app.draft.problems == (), number
    assert same_plan(load.parse(app.draft.text()), load.parse(generated_text(number))), number


async def type_into(pilot: Pilot[int], row: FieldRow, text: str) -> None:
    """Make the focused field say `text` by keys; a field that says it already is left alone."""
    asking = row.asking
    if isinstance(asking, Choice):
        while asking.value != text:
            await pilot.press("right")
        return
    before = asking.value if isinstance(asking, Input) else asking.text if isinstance(asking, TextArea) else ""
    if before == text:
        return
    assert row.kind is not Kind.CHOICE
    await pilot.press("ctrl+end" if isinstance(asking, TextArea) else "end", *["backspace"] * len(before))
    await pilot.press(*("enter" if char == "\n" else "space" if char == " " else char for char in text))
