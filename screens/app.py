"""The wizard: an application that fills an answers file, step by step."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.worker import WorkerFailed

from kinstall.errors import InvalidAnswers, UsageError
from screens.background import Background
from screens.begin.screen import BeginScreen
from screens.crash import Crash
from screens.dialogs import interrupted_run
from screens.dialogs.all_answers import AllAnswers
from screens.dialogs.dialog import Dialog
from screens.dialogs.questions import AskPath, Page, Question
from screens.draft import saved
from screens.draft.draft import Draft
from screens.draft.kept_out import text_without_secrets
from screens.draft.saved import Unsaved
from screens.fields import FieldRow, placement
from screens.review.made import Made
from screens.services import Services
from screens.step.base import WIDE, StepScreen
from screens.step.explain import page_of
from screens.step.order import NAMES, STEPS, neighbour
from screens.text import HarmlessText

if TYPE_CHECKING:
    from screens.install.run import Run

_HARMLESS = HarmlessText()
_DRAIN_SECONDS = 0.1
_KEEP_SECONDS = 2.0
_START_SECONDS = 1.0


class WizardApp(App[int]):
    """The answers being edited, services to the outside, and a screen per step. Ends with the exit code."""

    CSS = files("screens").joinpath("wizard.tcss").read_text("utf-8")
    TITLE = "kinstall"
    SCREENS: ClassVar = {step.name: step.factory() for step in STEPS}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual's own class variable
    COMMAND_PALETTE_BINDING = "f9"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "next", "Next", priority=True),
        Binding("ctrl+p", "back", "Back", priority=True),
        Binding("f1", "explain", "Help", priority=True),
        Binding("question_mark", "explain", "Help", show=False),
        Binding("f2", "everything", "YAML", tooltip="all answers as the text of their file"),
        Binding("ctrl+s", "save", "Save", priority=True),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    def __init__(
        self, draft: Draft, services: Services, *, unsaved: Unsaved | None = None, begin: bool = False
    ) -> None:
        """`begin`: start on the page that comes before the steps."""
        super().__init__(ansi_color=True)  # from the start: NO_COLOR then means the terminal's own two colours
        self.theme = "ansi-dark"
        self.draft, self.services = draft, services
        self.background = Background()
        self.about: FieldRow | None = None
        self._unsaved = unsaved or Unsaved(draft.path)
        self._begin = begin
        self.today = date.today
        self.typed = draft.typed
        """What was typed for questions of the answers (`prompt:`), until the wizard ends."""
        self.plan = Made()
        self.crash: Crash | None = None
        """Why the wizard ended, where it should not have."""
        self._kept = ""
        self._repaint = False
        draft.on_change.append(self._draft_changed)

    @cached_property
    def run_of_nodes(self) -> Run:
        """The run that Install makes."""
        from screens.install.run import Run  # the first screen needs nothing of it

        return Run()

    # Whatever happens

    def _handle_exception(self, error: Exception) -> None:
        """Textual calls this with what no handler expected, and shows what `__rich__` of it gives before it ends.

        Textual's own page has local variables in it, secrets among them. (A private name of Textual's:
        tests/screens/test_unexpected.py fails should a newer one call something else.)
        """
        from kinstall.state import crash_report

        cause = error.error if isinstance(error, WorkerFailed) else error
        self.keep()
        kept = "the answers are kept, and offered again" if self._kept else ""
        self.crash = self.crash or Crash(crash_report.internal_error(cause, "the wizard", kept=kept))
        self.crash.__cause__ = cause
        super()._handle_exception(self.crash)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own filters, and the one that lets no foreign text steer the terminal."""
        return [*super().get_line_filters(), _HARMLESS]

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Textual's own, never with markup: a message may repeat an answer or a node's words, such as `[/]`."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    # Beginning

    async def on_mount(self) -> None:
        self.set_interval(_DRAIN_SECONDS, self.background.drain)
        self.set_interval(_KEEP_SECONDS, self.keep)
        self.set_timer(_START_SECONDS, gc.enable)  # until then nothing is garbage: see kinstall/cli/wizard.py
        if self._begin:
            await self.push_screen(BeginScreen())
            return
        problem = next(iter(self.draft.problems), None) if self.draft.path else None
        await self.push_screen(NAMES[0])
        if problem:
            await self.jump(problem.path)
        if not self._offer_unsaved():
            self.run_worker(interrupted_run.offer(self), group="continue")

    @property
    def kept(self) -> str:
        """Unsaved answers of an earlier session; empty where there are none."""
        kept = self._unsaved.read()
        return "" if kept in (self.draft.text(), self.draft.unread) else kept

    async def enter(self, step: str, action: str = "") -> None:
        """Go from the first page to a step, and do one of its actions there; unsaved work is offered first."""
        self.keep()
        await self.push_screen(step)
        if not self._offer_unsaved() and action:
            await self.screen.run_action(action)

    @property
    def opened(self) -> bool:
        """Whether the answers are those of a file or of a known cluster, not new ones."""
        return self._unsaved.answers is not None

    def edit(self, draft: Draft, origin: Path | None = None) -> bool:
        """Edit these answers from now on; `origin` tells unsaved work on them apart where they have no file.

        Returns False where a run is under way, which is of the present answers.
        """
        if self.run_of_nodes.under_way:
            self.notify("a run is under way: it ends first, or is stopped on Install", severity="warning")
            return False
        self.keep()
        self.draft.become(draft)
        del self.run_of_nodes  # the next one is of another cluster
        self._unsaved, self._kept = Unsaved(draft.path or origin), ""
        return True

    async def open_answers(self, draft: Draft, unfinished: str = "", origin: Path | None = None) -> None:
        """edit(), and go to the first step, to the first problem, or on with the run that did not finish."""
        if not self.edit(draft, origin):
            return
        problem = next(iter(self.draft.problems), None)
        goes_on = bool(unfinished) and not problem
        if goes_on:
            self.run_of_nodes.before = unfinished  # Install looks itself, but a moment later
        await self.enter("install" if goes_on else NAMES[0])
        if problem and isinstance(self.screen, StepScreen):
            await self.jump(problem.path)

    def _offer_unsaved(self) -> bool:
        """Offer unfinished answers; whether there are any."""
        kept = self.kept
        if not kept:
            return False
        what = self.draft.path or "a new cluster"
        self.push_screen(
            Question(
                f"There are unsaved answers for {what} from an earlier session.",
                [("go-on", "Continue with them"), ("leave", "Start without them; they are deleted")],
            ),
            lambda chosen: self._continue(kept, chosen or ""),
        )
        return True

    def _continue(self, kept: str, chosen: str) -> None:
        if chosen == "leave":
            self._unsaved.forget()
        else:
            self.take_text(kept)

    # The answers

    def take_text(self, text: str) -> None:
        """Replace the answers by a text's; a text that cannot be read is kept aside, and shown again by F2."""
        try:
            self.draft.replace(Draft.parse(text))
        except InvalidAnswers as error:
            self.draft.unread = text
            self.notify(f"{error.problems[0]}. Your text is kept: F2 opens it", title="All answers", severity="error")

    def _draft_changed(self) -> None:
        """Many changes in one go are shown once."""
        if not self._repaint:
            self._repaint = True
            self.call_later(self._show_draft)

    def _show_draft(self) -> None:
        self._repaint = False
        for screen in self.screen_stack:
            if isinstance(screen, StepScreen) and screen.is_mounted:
                screen.show_draft()

    def keep(self) -> None:
        """Keep unfinished answers, where they differ from what is kept already."""
        unread = text_without_secrets(self.draft.unread)
        text = (unread or self.draft.text_to_keep()[0]) if self.draft.dirty else ""
        if text == self._kept:
            return
        self._kept = text
        if not text:
            self._unsaved.forget()
        elif failure := self._unsaved.keep(text):
            self.notify(failure, severity="warning")

    # Going from step to step

    @property
    def step(self) -> StepScreen:
        """The present step, also while a dialog is open above it."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, StepScreen))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """At either end the footer shows no key that leads nowhere."""
        ways = {"next": 1, "back": -1}
        if isinstance(self.screen, BeginScreen):
            return action not in (*ways, "everything", "save")
        if action not in ways:
            return True
        steps = [screen.STEP for screen in self.screen_stack if isinstance(screen, StepScreen)]
        return not steps or neighbour(steps[-1], ways[action]) != steps[-1] or (action == "back" and self._begin)

    async def on_event(self, event: events.Event) -> None:
        """Textual's own, but a dialog gets no key that was pressed before it was on the screen."""
        if isinstance(event, events.Key) and isinstance(self.screen, Dialog) and self.screen.too_early(event.time):
            return
        await super().on_event(event)

    async def action_next(self) -> None:
        """Waits for the next screen: a key that was pressed after ^N is that screen's, never this one's."""
        if isinstance(self.screen, StepScreen) and await self.screen.may_go_on():
            await self.action_go(neighbour(self.screen.STEP, 1))

    async def action_back(self) -> None:
        if not isinstance(self.screen, StepScreen):
            return
        if self._begin and NAMES[0] == self.screen.STEP:
            await self.pop_screen()
        else:
            await self.action_go(neighbour(self.screen.STEP, -1))

    async def action_go(self, name: str) -> None:
        """To a step by its name."""
        if isinstance(self.screen, StepScreen) and name != self.screen.STEP and name in NAMES:
            await self.switch_screen(name)

    async def jump(self, path: str) -> None:
        """Go to the field of a written path; where no step asks for it, to its line among all answers."""
        name = placement.screen_of(path)
        if name:
            await self.action_go(name)
        if not name or not self.step.go_to(path):
            await self.show_all_answers(path)

    # Keys

    def action_explain(self) -> None:
        """What this screen is for, its keys, and the field that has the focus; the same key closes the page."""
        if isinstance(self.screen, (Page, BeginScreen)):
            self.screen.action_explain()
        elif page := page_of(self.screen):
            self.push_screen(Page(*page))

    async def action_everything(self) -> None:
        if isinstance(self.screen, StepScreen):
            await self.show_all_answers()

    async def show_all_answers(self, at: str = "") -> None:
        """All answers as text, the cursor at a written path; what is changed there is taken over."""
        await self.push_screen(AllAnswers(self.draft, at), self._text_edited)

    def _text_edited(self, text: str | None) -> None:
        if text is not None:
            self.take_text(text)

    def action_save(self) -> None:
        if isinstance(self.screen, StepScreen):
            self.run_worker(self.save(), exclusive=True, group="save")

    async def save(self, *, elsewhere: bool = False) -> bool:
        """Write the answers, asking for a name where there is none yet; whether they were written."""
        if self.draft.unread:
            self.notify("the text of all answers is not valid YAML: F2 opens it", severity="error")
            return False
        path = self.draft.path
        if path and not elsewhere and not await self._may_replace(path):
            elsewhere = True
        if path is None or elsewhere:
            suggested = path or Path(f"{self.draft.effective(('clusterName',))}.yaml")
            path = await self.push_screen_wait(AskPath("Save the answers as", suggested))
            if path is None:
                return False
        text, left_out = self.draft.text_to_keep()
        try:
            saved.write(path, text)
        except UsageError as error:
            self.notify(str(error), severity="error")
            return False
        self._unsaved.forget()
        self.draft.saved_as(path)
        self._unsaved, self._kept = Unsaved(path), ""
        left = f"; not {', '.join(left_out)}: a file has no secrets, only where they are" if left_out else ""
        self.notify(f"saved: {path}{left}")
        self._draft_changed()
        return True

    async def _may_replace(self, path: Path) -> bool:
        """Ask before anything in the file is lost."""
        lost = [f"{problem.path or 'the file'}: {problem.message}" for problem in self.draft.lost_by_saving]
        if self.draft.comments:
            lost.append("its comments")
        if not lost:
            return True
        text = f"Saving {path} would lose:\n  " + "\n  ".join(lost)
        chosen = await self.push_screen_wait(
            Question(text, [("another", "Save under another name"), ("replace", "Overwrite it anyway")])
        )
        return chosen == "replace"

    async def action_quit(self) -> None:
        if isinstance(self.screen, Question):
            return
        if isinstance(self.screen, AllAnswers):
            self._text_edited(self.screen.changed_text())  # what was typed there is kept too
            await self.pop_screen()
        self.run_worker(self._quit(), exclusive=True, group="quit")

    async def _quit(self) -> None:
        question = "" if isinstance(self.screen, BeginScreen) else self.step.quit_question()
        if question:
            chosen = await self.push_screen_wait(Question(question, [("stay", "Stay"), ("leave", "Leave")]))
            if chosen != "leave":
                return
        if self.draft.dirty:
            chosen = await self.push_screen_wait(
                Question(
                    "The answers are not saved.",
                    [
                        ("save", "Save them and quit"),
                        ("keep", "Quit without saving; they are offered again next time"),
                        ("throw", "Quit and discard them"),
                    ],
                )
            )
            if not chosen or (chosen == "save" and not await self.save()):
                return
            if chosen == "throw":
                self._unsaved.forget()
            elif chosen == "keep":
                self._kept = ""
                self.keep()
        self.background.cancel_all()
        self.exit(0)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the command palette offers: the steps, and what the keys do."""
        for step in STEPS:
            yield SystemCommand(f"Go to {step.title}", "", lambda name=step.name: self.run_action(f"go('{name}')"))
        yield SystemCommand("All answers", "as the text of their file", self.action_everything)
        yield SystemCommand("Save", "write the answers file", self.action_save)
        yield SystemCommand("Quit", "asks first if something is not saved", self.action_quit)
