"""The step Images: which release with what it brings, where everything comes from, and whether it can be had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kinstall.cluster.releases import known_patches, known_versions, release
from kinstall.errors import KinstallError
from screens.dialogs.secrets import prompt_for
from screens.draft.draft import Draft
from screens.fields.form import Hint
from screens.step.form_step import FormStep
from screens.text import Quiet, size

if TYPE_CHECKING:
    from kinstall.sources.availability import Availability

_VERSION = ("kubernetesVersion",)
_DIGEST = 12


def known_releases() -> list[str]:
    """Every release of the catalogue, the newest first."""
    return [patch for newest in known_versions() for patch in known_patches(newest.rpartition(".")[0])]


def _of_release(attribute: str) -> Hint:
    """What the release brings where the answers name nothing."""

    def hint(draft: Draft) -> str:
        version = str(draft.get(_VERSION, known_versions()[0]))
        return getattr(release(version), attribute) if draft.intact("kubernetesVersion") else ""

    def unless_said(path: tuple[str, ...]) -> Hint:
        return lambda draft: "" if draft.get(path) else hint(draft)

    return hint if attribute == "minor" else unless_said(_PLACES[attribute])


_PLACES: Mapping[str, tuple[str, ...]] = {
    "etcd": ("images", "etcd"),
    "coredns": ("images", "coredns"),
    "pause": ("images", "pause"),
    "containerd": ("downloads", "containerdVersion"),
    "runc": ("downloads", "runcVersion"),
    "cni_plugins": ("downloads", "cniPluginsVersion"),
}


class ImagesScreen(FormStep):
    """Release, images and files; below the catalogue, and what Check has found."""

    STEP: ClassVar[str] = "images"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+r", "check", "Check")]
    HINTS: ClassVar[Mapping[str, Hint]] = {
        ".".join(path): _of_release(attribute) for attribute, path in _PLACES.items()
    }

    def __init__(self) -> None:
        super().__init__()
        self._found: list[Availability] = []
        self._expected = 0
        self._state = ""
        self._marked = ""

    def side(self) -> ComposeResult:
        yield Static("Known releases (any other patch of them is taken too); Enter takes one:", classes="told")
        yield OptionList(*(Option(_line(version), id=version) for version in known_releases()), id="releases")
        yield Quiet(id="check")

    def draft_changed(self) -> None:
        super().draft_changed()
        chosen, listed = str(self.draft.effective(_VERSION)), self.query_one("#releases", OptionList)
        for version in known_releases() if chosen != self._marked else ():
            mark = "●" if version == chosen else "○"
            listed.replace_option_prompt(version, Content(f"{mark} {_line(version)}"))
        self._marked = chosen
        self._show_check()

    @on(OptionList.OptionSelected, "#releases")
    def _take(self, event: OptionList.OptionSelected) -> None:
        self.draft.set(_VERSION, event.option.id)

    # Check

    @work(exclusive=True, group="check")
    async def action_check(self) -> None:
        """Look whether everything can be had, from this machine."""
        wrong = self.draft.problems_at("kubernetesVersion", "images", "downloads")
        if wrong:
            self._state = "✗ first mend what is wrong above"
            await self.wizard.jump(wrong[0].path)
            self._show_check()
            return
        from kinstall.sources.availability import count

        spec = self.draft.spec
        prompt = await prompt_for(self.wizard, spec)
        if prompt is None:
            return
        self._found, self._expected, self._state = [], count(spec), "looking"
        self._show_check()
        self.wizard.background.start(
            "check",
            lambda tell, stop: self.wizard.services.look(spec, tell, stop, prompt),
            on_item=self._hear,
            on_done=lambda _: self._end(""),
            on_error=self._fail,
        )

    def _hear(self, looked: Availability) -> None:
        self._found.append(looked)
        self._show_check()

    def _end(self, state: str) -> None:
        self._state = state
        self._show_check()

    def _fail(self, error: KinstallError) -> None:
        self._end(f"✗ {error}")

    def _show_check(self) -> None:
        lines = [check_line(each, self.app.size.width - 4) for each in self._found]
        if self._state == "looking":
            lines.append(f"looking: {len(self._found)} of {self._expected} known")
        elif self._state:
            lines.append(self._state)
        elif self._found:
            lines.append(check_sum(self._found))
        else:
            lines.append("^R looks whether everything can be had, how large it is and what vouches for it.")
        self.query_one("#check", Quiet).say("\n".join(lines))


def _line(version: str) -> str:
    entry = release(version)
    return (
        f"{version:<8} etcd {entry.etcd:<9} CoreDNS {entry.coredns:<8} pause {entry.pause:<7} "
        f"containerd {entry.containerd}"
    )


def check_line(looked: Availability, width: int) -> str:
    """`✓ kubelet   58 MB  sha256 0123…  https://…`, or why it cannot be had."""
    mark = {"there": "✓", "missing": "✗", "unknown": "?"}[looked.state.value]
    digest = f"sha256 {looked.digest[:_DIGEST]}… " if looked.digest else ""
    name = looked.name if len(looked.name) <= 34 else f"…{looked.name[-33:]}"
    text = f"{mark} {name:<34} {size(looked.size) if looked.size else '':>8} {digest}{looked.message}".rstrip()
    return text if len(text) <= width or looked.message else text[:width]


def check_sum(found: list[Availability]) -> str:
    """What all together come to, in one line."""
    states = [looked.state.value for looked in found]
    total = size(sum(looked.size for looked in found))
    text = f"{states.count('there')} of {len(found)} can be had, {total}"
    if missing := states.count("missing"):
        text += f"; {missing} cannot"
    if unknown := states.count("unknown"):
        text += f"; {unknown} not reached from here: only the nodes can tell"
    return text
