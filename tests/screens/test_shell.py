"""The wizard's shell: steps, keys, saving, quitting, and what is offered again."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import TextArea

from screens.app import WizardApp
from screens.dialogs.all_answers import AllAnswers
from screens.dialogs.questions import AskPath, Page, Question
from screens.draft.draft import Draft
from screens.draft.saved import Unsaved
from screens.services import RealServices
from screens.step.base import StepScreen

NODE = "nodes: [{name: a, address: 10.30.0.11, role: control-plane}]\n"


def wizard(text: str = "", path: Path | None = None) -> WizardApp:
    return WizardApp(Draft.parse(text, path) if text else Draft.new(), RealServices())


async def test_next_and_back_lead_through_the_first_steps_and_keep_values() -> None:
    """What was typed is there again after going on and coming back, and in the answers."""
    app = wizard()
    async with app.run_test() as pilot:
        assert app.step.STEP == "networking"
        await pilot.press("end", *["backspace"] * 10, *"demo")
        await pilot.press("ctrl+n", "ctrl+n")
        assert app.step.STEP == "images"
        await pilot.press("ctrl+p", "ctrl+p", "ctrl+p")
        assert app.step.STEP == "networking"
        assert app.draft.get(("clusterName",)) == "demo"
        assert app.step.query_one("#field-clusterName Input").value == "demo"  # type: ignore[attr-defined]


async def test_saving_asks_for_a_name_once() -> None:
    """The first time with a suggestion; later the file is written again without a question."""
    app = wizard(NODE)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, AskPath)
        await pilot.press("enter")
        await pilot.pause()
        assert Path("kubernetes.yaml").exists() and not app.draft.dirty
        app.draft.set(("clusterName",), "b")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert "clusterName: b" in Path("kubernetes.yaml").read_text()


async def test_a_file_that_is_there_is_replaced_after_a_second_enter(home: Path) -> None:
    """Nobody loses a file by pressing Enter once; Esc leaves everything as it was."""
    (home / "kubernetes.yaml").write_text("mine")
    app = wizard(NODE)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+s", "enter")
        assert isinstance(app.screen, AskPath) and (home / "kubernetes.yaml").read_text() == "mine"
        await pilot.press("escape")
        assert isinstance(app.screen, StepScreen)
        await pilot.press("ctrl+s", "enter", "enter")
        await pilot.pause()
        assert (home / "kubernetes.yaml").read_text() == app.draft.text()


async def test_comments_are_told_before_they_are_lost(home: Path) -> None:
    """Saving over a file with comments asks, and offers another name."""
    path = home / "demo.yaml"
    path.write_text(f"# mine\n{NODE}")
    app = wizard(path.read_text(), path)
    async with app.run_test() as pilot:
        app.draft.set(("clusterName",), "b")
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, Question) and "comments" in app.screen.text
        await pilot.press("escape")
        await pilot.pause()
        assert "# mine" in path.read_text()


@pytest.mark.parametrize(("keys", "kept"), [(("down", "enter"), True), (("down", "down", "enter"), False)])
async def test_quitting_with_unsaved_answers_asks(keys: tuple[str, ...], kept: bool) -> None:
    """They are kept, or thrown away, as is chosen; Esc stays."""
    app = wizard()
    async with app.run_test() as pilot:
        app.draft.set(("clusterName",), "half")
        await pilot.press("ctrl+q")
        assert isinstance(app.screen, Question)
        await pilot.press("escape", "ctrl+q", *keys)
        await pilot.pause()
    assert app.return_value == 0
    assert ("half" in Unsaved(None).read()) is kept


async def test_unsaved_work_is_offered_again() -> None:
    """Half-filled work of a wizard that was killed is there, and one key continues it."""
    Unsaved(None).keep("clusterName: half\nnodes: []\n")
    app = wizard()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Question)
        await pilot.press("enter")
        await pilot.pause()
        assert app.draft.get(("clusterName",)) == "half"
        app.keep()
        assert "half" in Unsaved(None).read()


async def test_work_is_kept_without_being_asked() -> None:
    """A change is on disk a moment later, only for its owner, and goes when it is saved."""
    app = wizard(NODE)
    async with app.run_test() as pilot:
        app.draft.set(("clusterName",), "half")
        app.keep()
        assert Unsaved(None).path.stat().st_mode & 0o777 == 0o600
        await pilot.press("ctrl+s", "enter")
        await pilot.pause()
        assert Unsaved(None).read() == ""


async def test_a_file_with_problems_opens_on_the_first_of_them() -> None:
    """The cursor stands in the field that is wrong, with the sentence under it."""
    app = wizard("security: {caDays: 0}\n" + NODE, Path("x.yaml"))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.step.STEP == "security"
        row = app.step.query_one("#field-security-caDays")
        assert app.focused is row.query_one("Input")
        assert "out of range" in str(row.query_one(".wrong").render())


async def test_a_problem_without_a_field_opens_among_all_answers() -> None:
    """An unknown key has no field: its line in the text is where it is mended."""
    app = wizard(NODE + "color: red\n", Path("x.yaml"))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, AllAnswers)
        assert app.screen.query_one("TextArea").cursor_location[0] == 4  # type: ignore[attr-defined]


async def test_all_answers_are_text_that_can_be_edited() -> None:
    """What is typed there is in the fields afterwards; what cannot be read is kept and shown again."""
    app = wizard()
    async with app.run_test() as pilot:
        await pilot.press("f2")
        area = app.screen.query_one("TextArea")
        area.text = "clusterName: typed\n" + NODE  # type: ignore[attr-defined]
        await pilot.press("escape")
        await pilot.pause()
        assert app.step.query_one("#field-clusterName Input").value == "typed"  # type: ignore[attr-defined]
        await pilot.press("f2")
        app.screen.query_one("TextArea").text = "clusterName: ["  # type: ignore[attr-defined]
        await pilot.press("escape", "f2")
        assert app.screen.query_one("TextArea").text == "clusterName: ["  # type: ignore[attr-defined]


async def test_quitting_from_all_answers_keeps_what_was_typed_there() -> None:
    """^Q is no way to lose an edit: it is taken over before the question."""
    app = wizard()
    async with app.run_test() as pilot:
        await pilot.press("f2")
        app.screen.query_one(TextArea).text = "clusterName: typed\n" + NODE
        await pilot.press("ctrl+q", "down", "enter")
        await pilot.pause()
    assert "typed" in Unsaved(None).read()


async def test_help_is_about_the_field_that_has_the_focus() -> None:
    """F1 opens everything that is declared about it."""
    app = wizard()
    async with app.run_test() as pilot:
        await pilot.press("f1")
        assert isinstance(app.screen, Page) and "unique among your clusters" in app.screen.text
        await pilot.press("escape")
        assert isinstance(app.screen, StepScreen)
