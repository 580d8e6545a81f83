"""The step Review: everything on one page, each line leading to its field, and the plan for every node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from kinstall.errors import KinstallError, PreflightFailed, UsageError
from kinstall.findings import Finding
from kinstall.progress.text import MARKS, clean
from kinstall.wording import count
from screens.dialogs.questions import AskPath, Page
from screens.draft import saved
from screens.review import plan, summary
from screens.review.making import make, way_in
from screens.review.summary import Line
from screens.step.base import StepScreen
from screens.step.order import neighbour
from screens.text import SteadyText

if TYPE_CHECKING:
    from kinstall.engine.preview import PlannedChange

_NO_PLAN = "^R shows what would change on the nodes; nothing is changed by that"
_NO_CHANGE = "Enter opens a node of the plan; what a change of it brings is then shown here."
_SPINNER = "|/-\\"
_TURN = 0.2

HELP = """\
Enter     on an answer: go to its field; on a node of the plan: open it; on a change: its content, script or diff
^R        make the plan: what a run would change on the nodes; nothing is changed by that
/         search the plan: parts of paths, kinds and actions; Esc ends it
n k       only the next node's changes; only the next kind of them: file, unit, script …
F3 F4     save the plan; save the answers under another name

Of a secret only its size and the begin of its digest are shown."""


def _after(value: str, values: Sequence[str]) -> str:
    """The next of the values in a circle that also has "", for all."""
    circle = ["", *values]
    return circle[(circle.index(value) + 1) % len(circle)] if value in circle else ""


class ReviewScreen(StepScreen):
    """One list, problems, answers and plan, and above it how things are. Nothing is changed here."""

    STEP: ClassVar[str] = "review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "plan", "Plan"),
        Binding("slash", "search", "Search", show=False),
        Binding("n", "next_node", "Node", show=False),
        Binding("k", "next_kind", "Kind", show=False),
        Binding("escape", "clear", show=False),
        Binding("f3", "save_plan", "Save plan"),
        Binding("f4", "save_as", "Save as", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._refused: tuple[Finding, ...] = ()
        """Why there is no plan, where preflight says so."""
        self._state = ""
        """Why there is no plan, as a sentence; empty for that nobody asked."""
        self._doing = ""
        """What is done to make one."""
        self._turns = 0
        self._filter = plan.Filter()
        self._opened: set[str] = set()
        self._lines: list[Line] = []

    def parts(self) -> ComposeResult:
        yield SteadyText(id="plan-state")
        yield Input(placeholder="search the plan: parts of a path, a kind, an action", compact=True, id="plan-search")
        with Horizontal(id="plan-page"):
            yield OptionList(id="review", markup=False)
            with VerticalScroll(id="plan-detail"):
                yield SteadyText(id="plan-detail-text")

    def on_mount(self) -> None:
        self.query_one("#plan-search").display = False
        super().on_mount()
        self.query_one(OptionList).focus()
        self.set_interval(_TURN, self._turn)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_detail)

    # What is shown

    def draft_changed(self) -> None:
        made = self.wizard.plan
        if made.there and not made.fits(self.draft.data):
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
        self._show_state()
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
        made = self.wizard.plan
        lines = [Line(f"Plan   {self._filter}" if made.there else "Plan", "plan:" if made.there else "", heading=True)]
        lines += plan.findings(made.findings or self._refused)
        if made.there:
            lines += plan.plan(made.changes, made.nodes, self._opened, self._filter)
            return [*lines, Line(" Nothing has been changed yet.")]
        return [*lines, Line(f" {self._state or _NO_PLAN}")]

    def _show_state(self) -> None:
        """The top line: it says how the plan is, also where the plan itself is out of sight."""
        made, problems = self.wizard.plan, len(self.draft.problems)
        if self._doing:
            state = f"{_SPINNER[self._turns % len(_SPINNER)]} {self._doing} …"
        elif made.there:
            nodes = count(len(made.nodes), "node")
            state = f"{MARKS['good']} plan: {plan.totals(made.changes)} on {nodes} ↓"
        elif problems:
            state = f"{MARKS['bad']} {count(problems, 'problem')} of the answers; no plan before they are fixed"
        elif self._state:
            state = f"{self._state} ↓"
        else:
            state = f"{MARKS['good']} the answers are valid · {_NO_PLAN}"
        self.query_one("#plan-state", SteadyText).set_text(clean(state).replace("\n", " "))

    def _turn(self) -> None:
        if self._doing:
            self._turns += 1
            self._show_state()

    def _show_plan(self) -> None:
        """Bring the plan, or why there is none, into view."""
        listed = self.query_one(OptionList)
        at = next(index for index, line in enumerate(self._lines) if line.heading and line.text.startswith("Plan"))
        targets = [index for index, line in enumerate(self._lines) if index >= at and line.target]
        if targets:
            listed.highlighted = targets[0]
        self.call_after_refresh(listed.scroll_to, y=at, animate=False)

    @on(OptionList.OptionHighlighted, "#review")
    def _show_detail(self) -> None:
        """Beside the list, where there is room: what the chosen row of the plan is."""
        beside, text = self.query_one("#plan-detail"), self.query_one("#plan-detail-text", SteadyText)
        beside.display = self.wide and self.wizard.plan.there
        change = self._change(self._at(self.query_one(OptionList).highlighted))
        text.set_text(_NO_CHANGE if change is None else f"{change.step}\n\n{plan.detail(change)}")

    def _change(self, target: str) -> PlannedChange | None:
        kind, _, number = target.partition(":")
        changes = self.wizard.plan.changes
        return changes[int(number)] if kind == "change" and int(number) < len(changes) else None

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
            self.query_one(OptionList).scroll_to_highlight(top=True)
        elif change := self._change(f"{kind}:{what}"):
            await self.app.push_screen(Page(f"{change.node}: {change.step}", plan.detail(change)))

    @work(exclusive=True, group="plan")
    async def action_plan(self) -> None:
        """Ask the nodes what a run would change."""
        if self.draft.problems:
            self._forget_plan("✗ first fix the problems above")
            self._show()
            return
        self._forget_plan("")
        try:
            prompt = await way_in(self.wizard, self._say)
            if prompt is None:
                self._state = "✗ no plan: it was not said which host keys are trusted, or a password was missing"
            else:
                self._say("examining the nodes")
                await make(self.wizard, prompt, self._say)
        except KinstallError as error:
            more = f"; {error.remedy}" if error.remedy else ""
            self._forget_plan(f"✗ plan: {plan.why_none(error)}{more}")
            if isinstance(error, PreflightFailed):
                self._refused = error.findings
        finally:
            self._doing = ""
        if self.is_attached:
            self.draft_changed()
            self._show_plan()

    def _say(self, sentence: str) -> None:
        self._doing = sentence
        self._show_state()

    def _forget_plan(self, why: str) -> None:
        self.wizard.plan.forget()
        self._refused, self._state = (), why

    # Looking for something in the plan

    def _filtered(self, wanted: plan.Filter) -> None:
        self._filter = wanted
        self._show()
        self._show_plan()

    def action_search(self) -> None:
        if self.wizard.plan.there:
            line = self.query_one("#plan-search", Input)
            line.display = True
            line.focus()

    @on(Input.Changed, "#plan-search")
    def _search(self, event: Input.Changed) -> None:
        event.stop()
        self._filtered(replace(self._filter, words=event.value))

    @on(Input.Submitted, "#plan-search")
    def _searched(self, event: Input.Submitted) -> None:
        event.stop()
        event.input.display = bool(event.value)
        self.query_one(OptionList).focus()

    def action_clear(self) -> None:
        """Esc ends the search, and every other filter."""
        line = self.query_one("#plan-search", Input)
        line.value, line.display = "", False
        self.query_one(OptionList).focus()
        if self._filter:
            self._filtered(plan.Filter())

    def action_next_node(self) -> None:
        self._filtered(replace(self._filter, node=_after(self._filter.node, self.wizard.plan.nodes)))

    def action_next_kind(self) -> None:
        kinds = plan.kinds(self.wizard.plan.changes)
        self._filtered(replace(self._filter, kind=_after(self._filter.kind, kinds)))

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

    def page_of_help(self, about: object) -> tuple[str, str]:
        return "Review", HELP
