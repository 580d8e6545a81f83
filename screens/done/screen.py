"""The step Done: the result of the last run, and the commands to continue with, read from the run's log."""

from __future__ import annotations

import os
import threading
import webbrowser
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from kinstall.errors import KinstallError
from screens.dialogs.questions import Question
from screens.dialogs.secrets import prompt_for
from screens.step.base import StepScreen
from screens.text import SteadyText

if TYPE_CHECKING:
    from kinstall.report import Commands, Run
    from kinstall.verify import CheckResult

HELP = """\
o         write the last run as one HTML page, and open it where there is a browser
k         copy the kubectl command line (works over SSH and in tmux if the terminal allows it)
m         merge the cluster into ~/.kube/config: nothing there is overwritten, a backup is kept
v         check the cluster again, end to end

The chart shows when each node was in which phase; the time axis is in seconds."""


class DoneScreen(StepScreen):
    STEP: ClassVar[str] = "done"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "report", "Report", tooltip="one HTML page of the last run"),
        Binding("k", "copy", "Copy line", tooltip="the kubectl command line"),
        Binding("m", "merge", "Merge", tooltip="into ~/.kube/config; nothing there is overwritten"),
        Binding("v", "verify", "Verify", tooltip="the cluster again, end to end"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._run: Run | None = None
        self._commands: Commands | None = None
        self._checked: list[CheckResult] | None = None
        self._checking = False

    def parts(self) -> ComposeResult:
        with Vertical(id="done"):
            yield SteadyText(id="done-headline")
            yield SteadyText(id="done-checks")
            yield SteadyText(id="done-commands")
            yield SteadyText(id="done-chart")

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._read()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draft_changed)

    @work(exclusive=True, group="done")
    async def _read(self) -> None:
        """The last run of this cluster, from its log: also one of an earlier session, or of `kinstall replay`."""
        services, spec, path = self.wizard.services, self.draft.spec, self.draft.path
        try:
            last = await self.wizard.background.result("last", lambda emit, stop: services.last_run(spec, path))
        except KinstallError as error:
            self._run = self._commands = None
            self.query_one("#done-headline", SteadyText).set_text(f"{error.what}.\nInstall creates one (^P).")
            for part in ("checks", "commands", "chart"):
                self.query_one(f"#done-{part}", SteadyText).set_text("")
        else:
            self._run, self._commands = last
            self.draft_changed()
        self.refresh_bindings()

    def draft_changed(self) -> None:
        if self._run is None or self._commands is None:
            return
        from kinstall.report import headline_of
        from screens.done import text

        run, commands = self._run, self._commands
        self.query_one("#done-headline", SteadyText).set_text(headline_of(run, self.draft.spec))
        checks = text.checks_of(run) if self._checked is None else [text.check_of(each) for each in self._checked]
        self.query_one("#done-checks", SteadyText).set_text(text.check_lines(checks) if checks else self._no_checks())
        self.query_one("#done-commands", SteadyText).set_text("\n".join(text.go_on(run, commands)))
        width = max(30, self.query_one("#done-chart").size.width or self.size.width - 4)
        plain = not self.app.console.encoding.lower().startswith("utf")
        self.query_one("#done-chart", SteadyText).set_text(text.chart_lines(run.timeline(), width, ascii_only=plain))

    def _no_checks(self) -> str:
        return "checking …" if self._checking else "The run ended before the checks; v runs them."

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("report", "copy", "merge", "verify"):
            return True if self._run is not None else None
        return True

    # What the keys do

    @work(exclusive=True, group="report")
    async def action_report(self) -> None:
        services, spec, path = self.wizard.services, self.draft.spec, self.draft.path
        try:
            written = await self.wizard.background.result("report", lambda emit, stop: services.report(spec, path))
        except KinstallError as error:
            self.notify(str(error), severity="error")
            return
        # Without a display of its own a terminal's "browser" would take the screen.
        if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            webbrowser.open(written.as_uri())
        self.notify(f"saved: {written}", title="Report")

    def action_copy(self) -> None:
        from screens.done.text import kubectl_line

        if self._commands is not None:
            line = kubectl_line(self._commands)
            self.app.copy_to_clipboard(line)
            self.notify(f"copied, if the terminal allows it: {line}")

    @work(exclusive=True, group="merge")
    async def action_merge(self) -> None:
        text = "Merge this cluster into ~/.kube/config? Nothing there is overwritten, and a backup is kept."
        chosen = await self.app.push_screen_wait(Question(text, [("merge", "Merge it"), ("no", "Do not merge")]))
        if chosen != "merge":
            return
        services, spec = self.wizard.services, self.draft.spec
        try:
            done = await self.wizard.background.result("merge", lambda emit, stop: services.merge_kubeconfig(spec))
        except KinstallError as error:
            self.notify(str(error), severity="error")
            return
        what = f"merged into {done.path}" if done.changed else f"already in {done.path}"
        how = "" if done.current else f"\nkubectl config use-context {done.context}"
        self.notify(f"{what}, as {done.context}{how}", title="kubeconfig")

    @work(exclusive=True, group="verify")
    async def action_verify(self) -> None:
        """Run all checks again; results are shown as they come."""
        spec = self.draft.spec
        prompt = await prompt_for(self.wizard, spec)
        if prompt is None:
            return
        services = self.wizard.services

        def check(emit: Any, stop: threading.Event) -> Sequence[CheckResult]:
            return services.verify(spec, emit, stop, prompt)

        def add(result: CheckResult) -> None:
            if self._checked is not None:
                self._checked.append(result)
            self.draft_changed()

        self._checked, self._checking = [], True
        self.draft_changed()
        try:
            self._checked = list(await self.wizard.background.result("verify", check, on_item=add))
        except KinstallError as error:
            self._checked = None
            self.notify(str(error), severity="error")
        finally:
            self._checking = False
            self.draft_changed()

    def page_of_help(self, about: object) -> tuple[str, str]:
        return "Done", HELP
