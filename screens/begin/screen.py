"""The wizard's first page: what to do, and the clusters known on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from kinstall import __version__
from kinstall.errors import InvalidAnswers, KinstallError
from kinstall.wording import count, cut
from screens.begin.open_answers import OpenAnswers
from screens.dialogs.questions import Page
from screens.draft.draft import Draft

if TYPE_CHECKING:
    from screens.begin.clusters import KnownCluster
    from screens.begin.front import Front

_CHOICES = (
    ("paste", "Paste machines", "one per line, an inventory or ssh config"),
    ("new", "New cluster", "step by step: networking, security, images, nodes"),
    ("open", "Open an answers file", "to look at it, change it or install it"),
)
_NAME_ROOM = 22
_MARKS = {"good": ("✓", "ansi_green"), "bad": ("✗", "ansi_red"), "skip": ("–", "dim")}

HELP = """\
kinstall builds a Kubernetes cluster on your own machines, over SSH. What it needs to know are the answers: a file that
you can keep, share and replay. The steps ask for them one after the other; Review then shows everything that would
change, and nothing is changed before you begin the installation.

Clusters known here have a state folder on this machine. Enter opens the answers that they were installed from, and goes
on with a run that did not finish.

↑ ↓ choose   Enter select   F9 commands by name   ^Q quit"""


class Rows(OptionList):
    """A list whose arrow keys go on to the other list at its ends; only the one with the focus has a cursor."""

    def on_focus(self) -> None:
        if self.highlighted is None and self.option_count:
            self.highlighted = 0

    def on_blur(self) -> None:
        self.highlighted = None

    def action_cursor_down(self) -> None:
        if self.highlighted == self.option_count - 1:
            self.screen.focus_next(Rows)
        else:
            super().action_cursor_down()

    def action_cursor_up(self) -> None:
        if self.highlighted:
            super().action_cursor_up()
            return
        above = self.screen.focus_previous(Rows)
        if isinstance(above, Rows):
            above.highlighted = above.option_count - 1


class BeginScreen(Screen[None]):
    """Shown when the wizard is started without an answers file; Back on the first step returns to it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "explain", "Help", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.clusters: Sequence[KnownCluster] = ()

    @property
    def front(self) -> Front:
        return cast("Front", self.app)

    def compose(self) -> ComposeResult:
        yield Static(_heading(), id="begin-title", markup=False)
        with Vertical(id="begin-choices"):
            yield Rows(*self._choices(), id="begin", markup=False)
        with Vertical(id="known"):
            yield Rows(id="clusters", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.query_one("#known").display = False
        self.query_one("#known").border_title = "Clusters known here"
        self.query_one("#begin", OptionList).focus()
        self.look()

    def on_screen_resume(self) -> None:
        if self.is_mounted:
            self.look()

    @work(exclusive=True, group="clusters")
    async def look(self) -> None:
        """List the clusters; their folders are read beside the interface."""
        try:
            found = await self.front.background.result("clusters", lambda emit, stop: self.front.services.clusters())
        except KinstallError as error:
            self.notify(str(error), severity="warning")
            return
        self.clusters = found
        shown = self.query_one("#clusters", OptionList)
        shown.set_options(Option(_row(each), id=str(index)) for index, each in enumerate(self.clusters))
        self.query_one("#known").display = bool(self.clusters)
        begin = self.query_one("#begin", OptionList)
        at = begin.highlighted
        begin.set_options(self._choices())
        begin.highlighted = at or 0

    def _choices(self) -> Sequence[Option]:
        unsaved = [("unsaved", "Continue", "with unsaved answers of an earlier session")] if self.front.kept else []
        return [
            Option(Content(f" {title:{_NAME_ROOM}}") + Content.styled(about, "dim"), id=name)
            for name, title, about in (*unsaved, *_CHOICES)
        ]

    # What is chosen

    @on(OptionList.OptionSelected, "#begin")
    async def _chosen(self, event: OptionList.OptionSelected) -> None:
        match event.option.id:
            case "unsaved":
                self.front.take_text(self.front.kept)
                await self.front.enter("networking")
            case "new":
                await self._start("networking")
            case "paste":
                await self._start("nodes", "paste")
            case "open":
                self.app.push_screen(OpenAnswers(), self._opened)

    async def _start(self, step: str, action: str = "") -> None:
        """New answers, also where others were opened before; new ones that were begun are gone on with."""
        if not self.front.opened or self.front.edit(Draft.new()):
            await self.front.enter(step, action)

    async def _opened(self, draft: Draft | None) -> None:
        if draft is not None:
            await self.front.open_answers(draft)

    @on(OptionList.OptionSelected, "#clusters")
    async def _cluster_chosen(self, event: OptionList.OptionSelected) -> None:
        cluster = self.clusters[int(event.option.id or 0)]
        try:
            draft = Draft.load(cluster.answers) if cluster.answers else Draft.parse(cluster.text)
        except InvalidAnswers as error:
            self.notify(str(error), severity="error")
            return
        if cluster.answers is None:
            draft = Draft.unsaved(draft)
            self.notify("the file that it was installed from is not known here: these are the answers of its last run")
        await self.front.open_answers(draft, cluster.unfinished, cluster.kept_at)

    # Keys

    def action_explain(self) -> None:
        self.app.push_screen(Page("kinstall", HELP))


def _heading() -> Content:
    return Content.styled(f"kinstall {__version__}", "bold ansi_cyan") + Content("   Kubernetes on your own machines")


def _row(cluster: KnownCluster) -> Content:
    """`✓ demo   3 nodes   1.37.2   up, verified 2 hours ago`."""
    mark, style = _MARKS[cluster.kind]
    name = cut(cluster.name, _NAME_ROOM - 5)
    row = Content.styled(mark, style) + Content(f" {name:{_NAME_ROOM - 4}}")
    row += Content(f"{count(cluster.nodes, 'node'):10}{cluster.version:9}{cluster.result}")
    return row + Content.styled(" · Enter goes on", "dim") if cluster.unfinished else row
