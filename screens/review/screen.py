"""The step Review: everything on one page, each line leading to its field, and the plan for every node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

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
from screens.dialogs.secrets import prompt_for
from screens.draft import saved
from screens.review import plan, summary
from screens.review.summary import Line
from screens.step.base import StepScreen

if TYPE_CHECKING:
    from kinstall.engine.preview import PlannedChange

JOB = "plan"


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
        self._planned_for: dict[str, Any] | None = None
        self._names: list[str] = []
        self._changes: list[PlannedChange] = []
        self._findings: list[Finding] = []
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
        if self._planned_for is not None and self._planned_for != self.draft.data:
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
        lines += plan.findings(self._findings)
        if self._planned_for is not None:
            lines += plan.plan(self._changes, self._names, self._opened)
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
            change = self._changes[int(what)]
            await self.app.push_screen(Page(f"{change.node}: {change.step}", change.diff))

    @work(exclusive=True, group="plan")
    async def action_plan(self) -> None:
        """Ask the nodes what a run would change."""
        if self.draft.problems:
            self._forget_plan("✗ first fix the problems above")
            self._show()
            return
        spec, data = self.draft.spec, self.draft.data
        prompt = await prompt_for(self.wizard, spec)
        if prompt is None:
            return
        self._forget_plan("examining the nodes")
        self._show()
        self.wizard.background.start(
            JOB,
            lambda emit, stop: self.wizard.services.plan(spec, emit, stop, prompt),
            on_item=self._show_progress,
            on_done=lambda result: self._planned(data, [node.name for node in spec.nodes], *result),
            on_error=self._fail,
        )

    def _show_progress(self, sentence: str) -> None:
        self._state = sentence
        self._show()

    def _planned(
        self, data: dict[str, Any], nodes: list[str], findings: list[Finding], changes: list[PlannedChange]
    ) -> None:
        if data != self.draft.data:
            self._forget_plan("the answers have changed since the plan was made; ^R makes a new one")
        else:
            self._planned_for, self._names, self._findings = data, nodes, list(findings)
            self._changes, self._state = list(changes), "Nothing has been changed yet."
        self._show()

    def _fail(self, error: KinstallError) -> None:
        self._forget_plan(f"✗ {error.what}" + (f"; {error.remedy}" if error.remedy else ""))
        if isinstance(error, PreflightFailed):
            self._findings = list(error.findings)
        self._show()

    def _forget_plan(self, why: str) -> None:
        self._planned_for, self._changes, self._findings, self._state = None, [], [], why

    # Keeping

    def action_save_as(self) -> None:
        self.app.run_worker(self.wizard.save(elsewhere=True), exclusive=True, group="save")

    @work(exclusive=True, group="save-plan")
    async def action_save_plan(self) -> None:
        """Write the plan to a file."""
        if self._planned_for is None:
            self.notify("there is no plan yet: ^R makes it", severity="warning")
            return
        suggested = Path(f"{self.draft.spec.cluster_name}.plan.txt")
        path = await self.app.push_screen_wait(AskPath("Save the plan as", suggested))
        if path is None:
            return
        try:
            saved.write(path, plan.as_text(self._changes, self._names))
        except UsageError as error:
            self.notify(str(error), severity="error")
            return
        self.notify(f"saved: {path}")

    async def may_go_on(self) -> bool:
        """Install runs the answers file: it must be valid, and saved."""
        if self.draft.problems:
            await self.wizard.jump(self.draft.problems[0].path)
            return False
        return not (self.draft.dirty or self.draft.path is None) or await self.wizard.save()
