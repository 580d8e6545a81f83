"""The step Install: a live view of the run. It does what `kinstall replay` does, with the saved answers file."""

from __future__ import annotations

import threading
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Input

from kinstall.answers import load
from kinstall.errors import AuthenticationFailed, KinstallError, PreflightFailed
from kinstall.progress.text import clean
from screens.dialogs.interrupted_run import unfinished
from screens.dialogs.questions import Question
from screens.dialogs.secrets import Prompt
from screens.draft.saved import remember_run
from screens.install.begin import Begin, question
from screens.install.log_view import LogView
from screens.install.model import planned
from screens.install.parts import LogHeading, Overall, Trouble
from screens.install.run import Run, Stage
from screens.install.table import NodeTable
from screens.review.making import make, way_in
from screens.step.base import StepScreen

if TYPE_CHECKING:
    from kinstall.cluster import ClusterSpec
    from kinstall.operations.options import Report

PER_SECOND = 10

HELP = """\
b         begin: shows what will change and asks first
↑ ↓       choose a node; its log is shown below      f    follow the log's end
/         search the log; n and N go from match to match
r         retry: run again; what is done stays done, the run continues where it stopped
s         stop after the current steps; r continues from there
e         go to the next node that failed; y copies its error
Ctrl+C    stop, after a question

Every run looks at the nodes again: whatever ended the last one, even a power cut here, the next one continues
from what is on the nodes. The full output of all programs is in the run's log, in the state folder."""


class InstallScreen(StepScreen):
    STEP: ClassVar[str] = "install"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "begin", "Begin …"),
        Binding("r", "retry", "Retry"),
        Binding("s", "stop", "Stop"),
        Binding("e", "failed", "Next failed"),
        # These are shown in the log's heading.
        Binding("f", "follow", "Follow", show=False),
        Binding("y", "copy_trouble", "Copy the error", show=False),
        Binding("slash", "search", "Search", show=False),
        Binding("n", "match(1)", "Next match", show=False),
        Binding("N", "match(-1)", "Previous match", show=False),
        Binding("ctrl+c", "ask_to_stop", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._doing = ""
        """What is done before a run begins, as a sentence without an end."""
        self._preparing = False

    def parts(self) -> ComposeResult:
        with Vertical(id="run"):
            yield Overall(id="overall")
            yield NodeTable(id="table")
            yield LogHeading(id="log-heading")
            yield Input(placeholder="search the log", compact=True, id="search")
            yield LogView(id="log")
            yield Trouble(id="trouble")

    @property
    def run_(self) -> Run:
        return self.wizard.run_of_nodes

    def on_mount(self) -> None:
        self.query_one("#search").display = False
        self.set_interval(1 / PER_SECOND, self.paint)
        super().on_mount()

    def draft_changed(self) -> None:
        self.paint(force=True)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self.run_.stage is Stage.IDLE and self.draft.path:
            self._look_back(self.draft.path)

    @work(exclusive=True, group="look-back")
    async def _look_back(self, path: Path) -> None:
        """Look whether there is a run to continue."""
        unfinished_run = await unfinished(self.wizard, path)
        self.run_.before = unfinished_run[1] if unfinished_run else ""
        self.paint(force=True)

    def on_resize(self) -> None:
        self.call_after_refresh(self.paint, force=True)

    # The run

    async def may_go_on(self) -> bool:
        """Next never starts anything: it leads to Done, except while a run is under way."""
        if self.run_.under_way:
            self.notify("the run is still in progress; s stops it after the current steps")
        return not self.run_.under_way

    @work(group="begin")
    async def action_begin(self) -> None:
        """Find out what would change, ask, and only then start."""
        await self._prepared(ask=True)

    @work(group="begin")
    async def action_retry(self) -> None:
        """The same run again, without a question where the answers are those that were consented to."""
        if self.run_.repeatable:
            await self._prepared(ask=False)

    async def _prepared(self, *, ask: bool) -> None:
        """Ask for secrets, unknown host keys, a file name and, with `ask`, for consent to the plan; then start."""
        app = self.wizard
        if self._preparing or self.run_.under_way or app.draft.problems:
            return
        self._preparing = True
        try:
            prompt = await way_in(app, self._say)
            if prompt is None or not (found := await self._saved()):
                return
            path, spec = found
            if ask or spec != self.run_.consented:
                if not app.plan.fits(app.draft.data):
                    await make(app, prompt, self._say)
                chosen = await app.push_screen_wait(Begin(question(spec, app.plan, self.run_.before)))
                if chosen == "no":
                    await app.action_go("review")
                if chosen not in ("begin", "rehearse"):
                    return
                self._start(path, spec, prompt, rehearsal=chosen == "rehearse")
            else:
                self._start(path, spec, prompt)
        except KinstallError as error:
            self.run_.begin(app.draft.path or Path(), app.draft.spec, monotonic())
            self._failed(error)
        finally:
            self._preparing = False
            if self.is_attached:
                self._say("")

    async def _saved(self) -> tuple[Path, ClusterSpec] | None:
        """The answers file as it is on disk: exactly what a replay of it would do."""
        draft = self.wizard.draft
        if (draft.dirty or draft.path is None) and not await self.wizard.save():
            return None
        return (draft.path, load.load(draft.path)) if draft.path else None

    def _say(self, doing: str) -> None:
        self._doing = doing
        self.paint(force=True)

    def _start(self, path: Path, spec: ClusterSpec, prompt: Prompt, *, rehearsal: bool = False) -> None:
        app = self.wizard
        self.run_.begin(path, spec, monotonic(), rehearsal=rehearsal)
        if not rehearsal:
            self.run_.consented = spec
            remember_run(path, spec.cluster_name)
            app.plan.forget()

        def replay(emit: Any, stop: threading.Event) -> Report:
            def timed(item: Any) -> None:
                emit((item, monotonic()))

            if rehearsal:
                return app.services.rehearse(path, timed, stop)
            return app.services.replay(path, timed, stop, prompt)

        app.background.start(
            "run",
            replay,
            on_item=lambda item: self.run_.add(*item),
            on_done=self._succeeded,
            on_error=self._failed,
        )
        self.paint(force=True)

    def _succeeded(self, report: Report) -> None:
        self.run_.succeed(report)
        self.paint(force=True)

    def _failed(self, error: KinstallError) -> None:
        self.run_.fail(error)
        if isinstance(error, (AuthenticationFailed, PreflightFailed)):
            self.wizard.typed.clear()  # it may have been mistyped
        failed = self.run_.model.first_failed
        if failed is not None:
            self.query_one(NodeTable).choose(failed)
        self.paint(force=True)

    def action_stop(self) -> None:
        if self.run_.stage is Stage.RUNNING:
            self.run_.stage = Stage.STOPPING
            self.wizard.background.cancel("run")
            self.paint(force=True)

    @work(exclusive=True, group="stop")
    async def action_ask_to_stop(self) -> None:
        if self.run_.stage is not Stage.RUNNING:
            self.notify(
                "nothing is running; ^Q quits" if not self.run_.under_way else "stopping after the current steps"
            )
            return
        chosen = await self.app.push_screen_wait(
            Question(
                "Stop the run? What is done stays done; the next run continues from there.",
                [("go-on", "Let it run"), ("stop", "Stop after the current steps")],
            )
        )
        if chosen == "stop":
            self.action_stop()

    def quit_question(self) -> str:
        if not self.run_.under_way:
            return ""
        return (
            "The run is in progress. If kinstall ends now, each node finishes its current step and does no more; "
            "the next run continues from there. s stops the run first."
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "begin":
                return not (self.run_.under_way or self.run_.repeatable or self.draft.problems)
            case "retry":
                return self.run_.repeatable
            case "stop":
                return True if self.run_.stage is Stage.RUNNING else None
            case "failed":
                return True if self.run_.model.progress.failures else None
            case _:
                return True

    def action_copy_trouble(self) -> None:
        """What went wrong, whole and without line breaks of the screen, to the terminal's clipboard (OSC 52)."""
        trouble = self.run_.trouble(self.query_one(NodeTable).chosen)
        if trouble is None:
            self.notify("there is no error to copy")
            return
        self.app.copy_to_clipboard(clean("\n".join(trouble)))
        self.notify("the error was copied, if the terminal allows it")

    # The log

    @on(DataTable.RowHighlighted)
    def _chosen(self) -> None:
        self.paint(force=True)

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        self.query_one(LogView).focus()

    def action_follow(self) -> None:
        view = self.query_one(LogView)
        view.follow = not view.follow
        view.grown(moved=True)
        self.paint(force=True)

    def action_search(self) -> None:
        line = self.query_one("#search", Input)
        line.display = True
        line.focus()

    @on(Input.Submitted, "#search")
    def _search(self, event: Input.Submitted) -> None:
        event.stop()
        view = self.query_one(LogView)
        if view.search(event.value) or not event.value:
            event.input.display = False
            view.focus()
        else:
            self.notify(f"not in this log: {event.value}")
        self.paint(force=True)

    def on_key(self, event: Any) -> None:
        line = self.query_one("#search", Input)
        if event.key == "escape" and line.display:
            event.stop()
            line.display = False
            self.query_one(LogView).search("")
            self.query_one(NodeTable).focus()
            self.paint(force=True)

    def action_match(self, direction: int) -> None:
        if not self.query_one(LogView).next_match(direction):
            self.notify("no search, or no match; / searches")
        self.paint(force=True)

    def action_failed(self) -> None:
        """Choose the next node that failed, in a circle."""
        table = self.query_one(NodeTable)
        names = [node.name for node in self.run_.model.progress.nodes.values() if node.failure is not None]
        if names:
            at = names.index(table.chosen) + 1 if table.chosen in names else 0
            table.choose(names[at % len(names)])

    def page_of_help(self, about: object) -> tuple[str, str]:
        return "Install", HELP

    # Painting

    def paint(self, force: bool = False) -> None:
        """Everything that has changed, at most ten times a second; nothing while another screen is shown."""
        if not self.is_current and not force:
            return
        run, now = self.run_, monotonic()
        model, table, view = run.model, self.query_one(NodeTable), self.query_one(LogView)
        if run.under_way or model.changed or force:
            model.changed = False
            self.query_one(Overall).show(run, self.draft, now, self._doing)
            table.paint(
                list(model.rows(now)) or list(planned(self.draft, run.refused())), table.size.width or self.size.width
            )
            view.watch_lines(model.lines_of(table.chosen or ""))
            view.grown()
            # Where no node has done anything there is no log: its room is for the reason.
            no_log = run.error is not None and not model.progress.nodes
            self.set_class(no_log, "-no-log")
            self.query_one(Trouble).show(run, table.chosen)
        self.query_one(LogHeading).show(table.chosen, view)
        if force:
            self.refresh_bindings()
