"""The step Images: the release and its components, where everything comes from, and whether it is available."""

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
from screens.text import SteadyText, size

if TYPE_CHECKING:
    from kinstall.sources.availability import Availability

_VERSION = ("kubernetesVersion",)
_DIGEST = 12


def known_releases() -> list[str]:
    """Every release of the catalogue, the newest first."""
    return [patch for newest in known_versions() for patch in known_patches(newest.rpartition(".")[0])]


def _of_release(attribute: str) -> Hint:
    """The version that the release has if the answers give none."""

    def hint(draft: Draft) -> str:
        version = str(draft.get(_VERSION, known_versions()[0]))
        return getattr(release(version), attribute) if draft.intact("kubernetesVersion") else ""

    def unless_given(path: tuple[str, ...]) -> Hint:
        return lambda draft: "" if draft.get(path) else hint(draft)

    return hint if attribute == "minor" else unless_given(_PLACES[attribute])


_PLACES: Mapping[str, tuple[str, ...]] = {
    "etcd": ("images", "etcd"),
    "coredns": ("images", "coredns"),
    "pause": ("images", "pause"),
    "containerd": ("downloads", "containerdVersion"),
    "runc": ("downloads", "runcVersion"),
    "cni_plugins": ("downloads", "cniPluginsVersion"),
}


class ImagesScreen(FormStep):
    """Release, images and files; below them the catalogue and the results of Check."""

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
        yield Static("Known releases (their other patch versions work too); Enter selects one:", classes="note")
        releases = (Option(_line(version), id=version) for version in known_releases())
        yield OptionList(*releases, id="releases", markup=False)
        yield SteadyText(id="check")

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
        """Check whether everything is available from this machine."""
        wrong = self.draft.problems_at("kubernetesVersion", "images", "downloads")
        if wrong:
            self._state = "✗ first fix the problems above"
            await self.wizard.jump(wrong[0].path)
            self._show_check()
            return
        from kinstall.sources.availability import count

        spec = self.draft.spec
        prompt = await prompt_for(self.wizard, spec)
        if prompt is None:
            return
        self._found, self._expected, self._state = [], count(spec), "checking"
        self._show_check()
        self.wizard.background.start(
            "check",
            lambda emit, stop: self.wizard.services.look(spec, emit, stop, prompt),
            on_item=self._add,
            on_done=lambda _: self._end(""),
            on_error=self._fail,
        )

    def _add(self, item: Availability) -> None:
        self._found.append(item)
        self._show_check()

    def _end(self, state: str) -> None:
        self._state = state
        self._show_check()

    def _fail(self, error: KinstallError) -> None:
        self._end(f"✗ {error}")

    def _show_check(self) -> None:
        lines = [check_line(each, self.app.size.width - 4) for each in self._found]
        if self._state == "checking":
            lines.append(f"checking: {len(self._found)} of {self._expected} done")
        elif self._state:
            lines.append(self._state)
        elif self._found:
            lines.append(total(self._found))
        else:
            lines.append("^R checks whether everything is available, how large it is and which checksum it has.")
        self.query_one("#check", SteadyText).set_text("\n".join(lines))


def _line(version: str) -> str:
    entry = release(version)
    return (
        f"{version:<8} etcd {entry.etcd:<9} CoreDNS {entry.coredns:<8} pause {entry.pause:<7} "
        f"containerd {entry.containerd}"
    )


def check_line(item: Availability, width: int) -> str:
    """`✓ kubelet   58 MB  sha256 0123…  https://…`, or why it is not available."""
    mark = {"there": "✓", "missing": "✗", "unknown": "?"}[item.state.value]
    digest = f"sha256 {item.digest[:_DIGEST]}… " if item.digest else ""
    name = item.name if len(item.name) <= 34 else f"…{item.name[-33:]}"
    text = f"{mark} {name:<34} {size(item.size) if item.size else '':>8} {digest}{item.message}".rstrip()
    return text if len(text) <= width or item.message else text[:width]


def total(found: list[Availability]) -> str:
    """The total, in one line."""
    states = [item.state.value for item in found]
    size_of_all = size(sum(item.size for item in found))
    text = f"{states.count('there')} of {len(found)} available, {size_of_all}"
    if missing := states.count("missing"):
        text += f"; {missing} not available"
    if unknown := states.count("unknown"):
        text += f"; {unknown} not reachable from here: only the nodes can check"
    return text
