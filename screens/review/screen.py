"""The step Review: everything on one page, each line leading to its field, and the plan for every node."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from kinstall.errors import KinstallError, PreflightFailed, UsageError
from kinstall.findings import Finding
from kinstall.wording import count
from screens.dialogs.questions import AskPath, Page
from screens.draft import saved
from screens.review import plan, summary
from screens.review.making import make, way_in
from screens.review.summary import Line
from screens.step.base import StepScreen
from screens.step.order import neighbour


class ReviewScreen(StepScreen):
    """One list: problems, answers, plan. Nothing is changed here."""

    STEP: ClassVar[str] = "review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "plan", "Plan"),
        Binding("f3", "save_plan", "Save plan"),
        Binding("f4", "save_as", "Save as", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._refused: tuple[Finding, ...] = ()
        """Why there is no plan, where preflight says so."""
        self._state = ""
        self._opened: set[str] = set()
        self._lines: list[Line] = []

    def parts(self) -> ComposeResult:
        yield OptionList(id="review", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(OptionList).focus()

    # What is shown

    def draft_changed(self) -> None:
        plan = self.wizard.plan
        if plan.there and not plan.fits(self.draft.data):
            self._forget_plan("the answers have changed since the plan was made; ^R makes a new one")
        self._show()

    def _show(self) -> None:
        """Replace the lines; the cursor stays on the line that it was on."""
        listed = self.query_one(OptionList)
        before = self._at(listed.highlighted)
        self._lines = [*self._problems(), *summary.answers(self.draft), *self._plan()]
        listed.clear_options()
        listed.add_options(
            Option(Content.styled(line.text, "bold" if line.heading else ""), disabled=not line.target)
            for line in self._lines
        )
        wanted = [line.target for line in self._lines]
        if before in wanted:
            listed.highlighted = wanted.index(before)
        else:
            listed.highlighted = next((index for index, target in enumerate(wanted) if target), None)
        listed.scroll_to_highlight()

    def _problems(self) -> list[Line]:
        problems = summary.problems(self.draft)
        return (
            [Line(f"{count(len(problems), 'problem')}: Enter goes there", heading=True), *problems]
            if problems
            else [Line("✓ the answers are valid   (F4 saves them under another name)")]
        )

    def _plan(self) -> list[Line]:
        lines = [Line("Plan", heading=True)]
        made = self.wizard.plan
        lines += plan.findings(made.findings or self._refused)
        if made.there:
            lines += plan.plan(made.changes, made.nodes, self._opened)
            return [*lines, Line(" Nothing has been changed yet.")]
        state = self._state or "^R shows what would change on the nodes; nothing is changed by that"
        return [*lines, Line(f" {state}")]

    def _at(self, index: int | None) -> str:
        return self._lines[index].target if index is not None and index < len(self._lines) else ""

    # What is done

    @on(OptionList.OptionSelected, "#review")
    async def _enter(self, event: OptionList.OptionSelected) -> None:
        kind, _, what = self._at(event.option_index).partition(":")
        if kind == "go":
            await self.wizard.jump(what)
        elif kind == "all":
            await self.wizard.show_all_answers()
        elif kind == "node":
            self._opened ^= {what}
            self._show()
        elif kind == "diff":
            change = self.wizard.plan.changes[int(what)]
            await self.app.push_screen(Page(f"{change.node}: {change.step}", change.diff))

    @work(exclusive=True, group="plan")
    async def action_plan(self) -> None:
        """Ask the nodes what a run would change."""
        if self.draft.problems:
            self._forget_plan("✗ first fix the problems above")
            self._show()
            return
        try:
            prompt = await way_in(self.wizard, self._say)
            if prompt is None:
                self._say("")
                return
            self._forget_plan("examining the nodes")
            self._show()
            await make(self.wizard, prompt, self._say)
            self._say("")
        except KinstallError as error:
            self._forget_plan(f"✗ {error.what}" + (f"; {error.remedy}" if error.remedy else ""))
            if isinstance(error, PreflightFailed):
                self._refused = error.findings
        if self.is_attached:
            self.draft_changed()

    def _say(self, sentence: str) -> None:
        self._state = sentence
        self._show()

    def _forget_plan(self, why: str) -> None:
        self.wizard.plan.forget()
        self._refused, self._state = (), why

    # Keeping

    def action_save_as(self) -> None:
        self.app.run_worker(self.wizard.save(elsewhere=True), exclusive=True, group="save")

    @work(exclusive=True, group="save-plan")
    async def action_save_plan(self) -> None:
        """Write the plan to a file."""
        made = self.wizard.plan
        if not made.there:
            self.notify("there is no plan yet: ^R makes it", severity="warning")
            return
        suggested = Path(f"{self.draft.spec.cluster_name}.plan.txt")
        path = await self.app.push_screen_wait(AskPath("Save the plan as", suggested))
        if path is None:
            return
        try:
            saved.write(path, plan.as_text(made.changes, made.nodes))
        except UsageError as error:
            self.notify(str(error), severity="error")
            return
        self.notify(f"saved: {path}")

    async def may_go_on(self) -> bool:
        """Install runs the answers file: it must be valid, and saved."""
        if self.draft.problems:
            await self.wizard.jump(self.draft.problems[0].path)
            return False
        if self.draft.dirty or self.draft.path is None:
            self.app.run_worker(self._save_and_go(), exclusive=True, group="save")
            return False
        return True

    async def _save_and_go(self) -> None:
        if await self.wizard.save() and self.is_current:
            await self.wizard.action_go(neighbour(self.STEP, 1))
